# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The network: captures, counters, disturbance, forged packets.
#
#	capture_start HOST DEV TAG [FILTER]	tcpdump into $OUT/TAG.pcap. Its buffer holds 500 whole packets,
#					or 25,000 of CAPTURE_SNAP=256 bytes (which take four times as long to
#					map, page by page, as 500 do)
#	capture_stop TAG		end it, after it has proved that it was alive: a marker frame
#					sent through the same device must be in the file, and tcpdump must
#					have lost none: "no packet in clear" means nothing otherwise
#	capture_count TAG FILTER	packets that match; refuses when the proof failed
#	capture_text TAG WORD		does the capture hold these bytes?
#	esp_packets HOST in|out [SPI]	packets counted by the kernel's ESP SAs
#	netem HOST DEV ARG...		tc netem on what HOST sends (`netem HOST DEV off`)
#	link_down HOST DEV; link_up HOST DEV	the cable, not the host's device
#	ike_lost HOST; ike_is_back HOST	what HOST hears and says of IKE is lost in between
#	ike_missed HOST input|output N	were so many messages lost since?
#	move_address FROM TO ADDRESS/LEN	and tell the neighbours
#	masquerade HOST DEV		HOST forwards, and translates what leaves by DEV
#	inject HOST ARG...		forged packets; see testing/guest/programs/inject.c
#	mac_of HOST DEV

declare -A CAPTURE_HOST CAPTURE_DEV CAPTURE_PROVED

capture_start() {
	local host=$1 dev=$2 tag=$3 buffer=32768
	shift 3
	CAPTURE_HOST[$tag]=$host
	CAPTURE_DEV[$tag]=$dev
	CAPTURE_PROVED[$tag]=no
	((${CAPTURE_SNAP:-66000} > 256)) || buffer=8192
	bg "$host" "capture-$tag" tcpdump -i "$dev" -n -s "${CAPTURE_SNAP:-66000}" -B $buffer -U \
		--immediate-mode -Z root -w "/out/$tag.pcap" ${1:+"($*) or ether proto 0x88b5"}
	wait_for 10 "the capture $tag runs" file_has "$OUT/$host.capture-$tag.log" "listening on"
}

# Sent again and again, because the device may be one that loses packets.
capture_marked() {
	on "$1" inject marker "$2" "$3"
	grep -qaF "$3" "$4"
}

# Nothing marks the file of a tcpdump that has ended.
capture_stop() {
	local tag=$1 host=${CAPTURE_HOST[$1]:?no such capture} start=$SECONDS marker
	marker="marker of $tag $EPOCHREALTIME"
	while CAPTURE_PROVED[$tag]=no; do
		capture_marked "$host" "${CAPTURE_DEV[$tag]}" "$marker" "$OUT/$tag.pcap" &&
			CAPTURE_PROVED[$tag]=yes && break
		kill -0 "${BG_PID[$host.capture-$tag]}" && ((SECONDS - start <= 45)) || break
		pause
	done
	bg_kill "$host" "capture-$tag"
	file_has "$OUT/$host.capture-$tag.log" $'\n0 packets dropped by kernel' ||
		CAPTURE_PROVED[$tag]=no
	[[ ${CAPTURE_PROVED[$tag]} == yes ]]
}

capture_count() {
	local tag=$1
	[[ ${CAPTURE_PROVED[$tag]:-no} == yes ]] ||
		fail "capture $tag was not proved to be alive: its counts mean nothing"
	tcpdump -n -Z root -r "$OUT/$tag.pcap" "not ether proto 0x88b5 and ($2)" \
		>"$OUT/$tag.txt" 2>"$OUT/$tag.err" ||
		fail "capture $tag cannot be read: $(tail -n 1 "$OUT/$tag.err")"
	wc -l <"$OUT/$tag.txt"
}

capture_text() {
	[[ ${CAPTURE_PROVED[$1]:-no} == yes ]] ||
		fail "capture $1 was not proved to be alive: its contents mean nothing"
	grep -qaF "$2" "$OUT/$1.pcap"
}

esp_packets() {
	local host=$1 direction=$2 spi=${3:-}
	on "$host" sh -c 'ip -o address; echo ==; ip -s xfrm state' |
		awk -v want="$direction" -v spi="$spi" '
			!sas && $3 ~ /^inet/ { sub(/\/.*/, "", $4); own[$4] = 1 }
			/^==/ { sas = 1 }
			/^src / { dir = ($2 in own) ? "out" : "in" }
			$1 == "proto" { esp = $2 == "esp" && (spi == "" || $4 ~ "^" spi) }
			/lifetime current:/ { getline; if (esp && dir == want) n += $2 }
			END { print n + 0 }'
}

netem() {
	local host=$1 dev=$2
	shift 2
	if [[ $1 == off ]]; then
		on "$host" tc qdisc del dev "$dev" root
	else
		on "$host" tc qdisc replace dev "$dev" root netem "$@"
	fi || fail "netem $* on $host $dev"
}

link_down() {
	ip link set "${HOST_LINK[$1:$2]:?no such cable}" nomaster down
}

link_up() {
	ip link set "${HOST_LINK[$1:$2]:?no such cable}" master "br-${HOST_NET[$1:$2]}" up
}

mac_of() {
	on "$1" cat "/sys/class/net/$2/address"
}

move_address() {
	local from=$1 to=$2 address=$3 dev
	for dev in ${HOST_DEVS[$from]}; do
		on "$from" ip address del "$address" dev "$dev" 2>/dev/null
	done
	dev=${HOST_DEVS[$to]%% *}
	on "$to" ip address add "$address" dev "$dev" $([[ $address == *:* ]] && echo nodad) &&
		on "$to" inject announce "$dev" "${address%/*}" || fail "cannot move $address to $to"
}

masquerade() {
	on "$1" sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward
		nft -f -" <<-END || fail "$1 cannot translate addresses"
		table ip translate {
			chain postrouting {
				type nat hook postrouting priority 100
				oifname "$2" masquerade
			}
		}
	END
}

inject() {
	local host=$1
	shift
	on "$host" inject "$@"
}

ike_lost() {
	on "$1" nft -f - <<-END || fail "$1 cannot drop IKE"
		table inet deaf {
			chain input {
				type filter hook input priority 0
				udp dport 500 counter drop
			}
			chain output {
				type filter hook output priority 0
				udp dport 500 counter drop
			}
		}
	END
}

ike_is_back() {
	on "$1" nft delete table inet deaf || fail "$1 still drops IKE"
}

ike_missed() {
	local text
	text=$(on "$1" nft list chain inet deaf "$2")
	[[ $text =~ packets\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= $3))
}
