# SPDX-License-Identifier: GPL-2.0-or-later
#
# For testing/install/run: latch.conf(5) and org.libreswan.Latch1(5) against what they are about.

conf_page=man/latch.conf.5
bus_page=man/org.libreswan.Latch1.5
interface=dbus/org.libreswan.Latch1.xml
error_table=programs/pluto-latch/core/pl_error.c

# The keys of the page as conf-sample --keys prints them. Keys that follow each other share a text.
keys_of_page() {
	awk -v OFS='\t' '
	function flush(i) {
		for (i = 1; i <= n; i++)
			print section, name[i], values[i], initial[i], done == "=" ? initial[i] : done
		n = 0; done = "-"
	}
	BEGIN { done = "-" }
	/^\.(Ss|Sh|El|Pp)/ { flush() }
	/^\.Ss "\[/ { section = $0; sub(/^\.Ss "\[/, "", section); sub(/\]"$/, "", section) }
	/^\.It Ic [a-z-]+ No = Ar [^ ]+ Pq Li [^ ]+$/ {
		if (has_text) flush()
		has_text = 0; n++
		name[n] = $3; values[n] = $7; initial[n] = $10
		next
	}
	/^\.It / { flush(); next }
	{ has_text = 1 }
	marked { done = $2; marked = 0 }
	/^Not carried out yet, other than$/ { marked = 1 }
	/^Not carried out yet, other than the default/ { done = "=" }
	END { flush() }' $conf_page
}

conf_page_is_the_table() {
	diff <(build/bin/conf-sample --keys | sort) <(keys_of_page | sort)
}

conf_example_is_taken() {
	sed -n '/^\.Bd -literal/,/^\.Ed/{/^\./d;p}' $conf_page >"$tmp/example"
	[[ -s $tmp/example ]] || echo "no example"
	build/bin/conf-sample --check <"$tmp/example"
}

# The sample says nothing; without its # every line says what holds anyway, and every key is there.
sample_is_the_table() {
	local sample=build/install/latch.conf
	grep -vE '^(#.*)?$' $sample
	sed -n 's/^#\([^ ].*\)/\1/p' $sample | sed 's/flow NAME/flow name/' >"$tmp/sample"
	build/bin/conf-sample --check <"$tmp/sample"
	diff <(build/bin/conf-sample --keys | awk -F '\t' '{ print $2 " = " $4 }') \
		<(grep -v '^\[' "$tmp/sample")
}

methods_of_interface() {
	awk -F '"' '
	/<method / { name = $2; ins = outs = "" }
	/<arg .*direction="in"/ { ins = ins (ins == "" ? "" : " , ") "Ar " $4 " " $2 }
	/<arg .*direction="out"/ { outs = outs (outs == "" ? "" : " , ") "Ar " $4 " " $2 }
	/<\/method>/ { print ".It Ic " name " ( " ins " )" (outs == "" ? "" : " No -> ( " outs " )") }
	/<property / { print ".It Ic " $2 " ( Ar " $4 " )" }
	/<signal / { name = $2 }
	/<arg / && !/direction/ { print ".It Ic " name " ( Ar " $4 " " $2 " )" }' $interface
}

members_are_in_the_page() {
	diff <(methods_of_interface) <(grep -E '^\.It Ic [A-Z]' $bus_page)
}

# dictionary NAME FROM TO: its keys with their types, in the order of the comment and of the page.
dictionary() {
	diff <(sed -n "/^  $2/,/^  *$3/p" $interface |
		sed -nE 's/^    ([a-z_0-9]+) +(as|ay|[a-z])( .*)?$/\1 \2/p') \
		<(sed -n "/^\.Sh $1/,/^\.Sh [^$(cut -c 1 <<<"$1")]/p" $bus_page |
			sed -n 's/^\.It Ic \([a-z_0-9]*\) Pq Ar \(.*\)/\1 \2/p')
}

# Options of single methods, records of sessions and the keys of these.
words_are_in_the_page() {
	diff <(grep -oE '"[a-z_]+" [bsqtu][:,.]' $interface | tr -d '",.:' | sort -u) \
		<(sed -n 's/^\.Ic \([a-z_]*\) Pq Li \([a-z]\).*/\1 \2/p' $bus_page | sort -u)
	diff <(grep -oE '"type":"[a-z]+"' $interface | sort -u) \
		<(grep -oE '"type":"[a-z]+"' $bus_page | sort -u)
	diff <(grep -oE '"[a-z]+":' $interface | sort -u) <(grep -oE '"[a-z]+":' $bus_page | sort -u)
}

# Name and sentence of every error; entries of the table may be of two lines.
errors_of_table() {
	tr '\n' ' ' <$error_table | grep -oE 'ROW\([A-Z_]+, "[A-Za-z]+",\s+"[^"]+"\)' |
		sed -E 's/^ROW\([A-Z_]+, "([A-Za-z]+)",\s+"([^"]+)"\)/\1 \2/'
}

errors_are_in_the_page() {
	[[ $(errors_of_table | wc -l) == "$(grep -cE '^\sROW\(' $error_table)" ]] ||
		echo "the table of errors is not read whole"
	diff <(errors_of_table) <(sed -n '/^\.It Er /{s/^\.It Er //;N;s/\n/ /p}' $bus_page)
}

# METHOD ERROR, for every error that stands behind "Errors" of a method.
errors_of_methods() {
	awk -v names="$(errors_of_table | cut -d ' ' -f 1 | xargs)" "$1"'
	function tell(method, text, words, n, i) {
		n = split(names, words, " ")
		if (!sub(/.*Errors ?:/, " ", text))
			return
		gsub(/[^A-Za-z]/, " ", text)
		for (i = 1; i <= n; i++)
			if (index(" " text " ", " " words[i] " "))
				print method, words[i]
	}' "$2" | sort
}

errors_of_methods_are_in_the_page() {
	errors_of_methods '
	/<!--/ { text = "" }
	{ text = text " " $0 }
	/<method / { split($0, part, "\""); sub(/<method.*/, "", text); tell(part[2], text) }' \
		$interface >"$tmp/errors"
	[[ -s $tmp/errors ]] || echo "no errors"
	diff "$tmp/errors" <(errors_of_methods '
	/^\.It |^\.El/ { if (method != "") tell(method, text); method = text = "" }
	/^\.It Ic [A-Z]/ { method = $3 }
	{ text = text " " $0 }' $bus_page)
}

pages_are_clean() {
	mandoc -T lint -W warning $conf_page $bus_page
}

pages() {
	rule "the pages are free of errors" pages_are_clean
	rule "latch.conf(5) has every key, values, default and what is not carried out" \
		conf_page_is_the_table
	rule "the loader takes the example of latch.conf(5)" conf_example_is_taken
	rule "the sample latch.conf has every key and says nothing" sample_is_the_table
	rule "org.libreswan.Latch1(5) has every member of the interface" members_are_in_the_page
	rule "it has every key of REQUEST" dictionary REQUEST REQUEST "LATCH, as"
	rule "it has every key of LATCH" dictionary LATCH "LATCH, as" "PEER, as"
	rule "it has every key of PEER" dictionary PEERS "PEER, as" "-->"
	rule "it has every option and every record" words_are_in_the_page
	rule "it has every error and its sentence" errors_are_in_the_page
	rule "it has the errors of every method" errors_of_methods_are_in_the_page
}
