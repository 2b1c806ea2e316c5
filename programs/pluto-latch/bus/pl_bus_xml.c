/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The introspection file as it was at build time: what the service answers is what the tree says.
 * The path is from the top of the tree, where make runs the compiler.
 */

#include "bus/pl_bus_xml.h"

__asm__(".pushsection .rodata\n"
	".global pl_bus_xml\n"
	".hidden pl_bus_xml\n"
	".type pl_bus_xml, @object\n"
	"pl_bus_xml:\n"
	".incbin \"dbus/org.libreswan.Latch1.xml\"\n"
	".byte 0\n"
	".size pl_bus_xml, . - pl_bus_xml\n"
	".popsection\n");
