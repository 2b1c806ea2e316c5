/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_BUS_XML_H
#define PL_BUS_XML_H

/* The bytes of dbus/org.libreswan.Latch1.xml, with a NUL behind them. */
extern const char pl_bus_xml[];

#endif
