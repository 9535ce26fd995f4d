/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What became of a packet, and why: the one list of reasons.
 *
 * PASS    up to the host's own stack, or on its way out of it
 * SENT    straight out of a device
 * DROP    thrown away
 * REFUSE  answered with a RST where it is TCP, otherwise thrown away
 *
 * The data path counts each in the table `verdicts`; `teal status --verdicts`
 * prints the sentences.  Add new reasons at the end: the row number is the ABI.
 */
#ifndef TEAL_VERDICTS_H
#define TEAL_VERDICTS_H

#define TEAL_VERDICTS(X)                                                                        \
	X(PASS, NOT_OURS, "no service at this address and port, and no flow comes back here")    \
	X(SENT, IN, "client to backend, straight out of the backend's device")                   \
	X(SENT, BACK, "backend to client, straight out of the client's device")                  \
	X(PASS, IN_LOCAL, "client to backend on this very host")                                 \
	X(PASS, IN_STACK, "client to backend, forwarded by the host's stack")                    \
	X(PASS, BACK_STACK, "backend to client, left to the host's stack and translated on its way out") \
	X(PASS, BACK_EGRESS, "backend to client, translated on its way out of the host's stack") \
	X(PASS, NO_NEIGHBOUR, "the next hop's link address is not known yet: the host's stack asks for it") \
	X(PASS, NO_FORWARDING, "the host does not forward between these devices")                \
	X(PASS, NO_ROUTE, "the route says unreachable or prohibited: the host's stack answers")  \
	X(PASS, TOO_LARGE, "larger than the next device allows: the host's stack fragments or answers") \
	X(PASS, TTL, "time to live is used up: the host's stack answers")                        \
	X(PASS, NO_FLOW, "a TCP packet to a service that opens nothing and belongs to no flow")  \
	X(PASS, SYN_ACK, "a bare SYN-ACK from a client to a service")                            \
	X(DROP, BLACKHOLE, "the route to the backend is a blackhole")                            \
	X(DROP, TRUNCATED, "the packet for a service ends inside a header")                      \
	X(DROP, MALFORMED, "the packet for a service has a header that contradicts itself")      \
	X(DROP, FLAGS, "TCP flags that no host sends: none, all, SYN with FIN or RST")           \
	X(DROP, FRAGMENT, "a fragment for a service whose first part was not seen")                \
	X(DROP, UDP6_CHECKSUM, "UDP over IPv6 without a checksum")                               \
	X(REFUSE, NO_BACKEND, "the service has no table or no backend to give the new flow to")  \
	X(DROP, REWRITE, "the packet could not be rewritten")                                    \
	X(PASS, UNRECORDED, "counted besides: a new flow could not be recorded (table full, or no memory) and goes on without") \
	X(PASS, ICMP_IN, "an ICMP error about a flow, on to its backend by the host's stack") \
	X(PASS, ICMP_BACK, "an ICMP error about a flow, translated on its way out to the client") \
	X(REFUSE, NO_PORT, "all ports of the service's source address that were tried are in use towards the backend") \
	X(REFUSE, FULL, "the table of flows is full, and new ones are refused then")             \
	X(PASS, BACK_SOURCE, "backend to client, its destination made the client again, left to the host's stack") \
	X(PASS, IN_SOURCE, "client to backend, its source made the service's on its way out of the host's stack") \
	X(DROP, PAUSED, "a new flow of a service that is paused: it waits until the client tries again") \
	X(REFUSE, RESET, "a connection of a backend whose connections are being ended") \
	X(SENT, OUT, "client on this very host to backend, out of the backend's device")          \
	X(PASS, BACK_LOCAL, "backend to a client on this very host")                             \
	X(REFUSE, LOCAL, "client and backend both on this very host: there is no way between them that teal sees") \
	X(REFUSE, UNSERVED, "a client behind a device of this host that is not among the configured devices") \
	X(DROP, SOURCE, "a packet for a service from where no client is: an address that no host has, or a service, whose backends would answer for ever")

enum teal_verdict {
#define X(action, name, sentence) TEAL_##action##_##name,
	TEAL_VERDICTS(X)
#undef X
	TEAL_VERDICT_COUNT,
	TEAL_NEXT = TEAL_VERDICT_COUNT, /* a step's answer: not decided, go on */
};

#endif
