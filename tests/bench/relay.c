/*
 * relay.c - a way to this host that takes as long as one is told
 *
 *	relay
 *
 * Makes a network interface with the address 192.0.2.1. Who connects to 192.0.2.2 reaches the
 * servers of this host, and each packet takes its time. It is the packets that are held up, not
 * what a connection carries, so that opening one, acknowledgements and whatever waits for them
 * (Nagle's algorithm) take the time they would take on a long way.
 *
 * It counts the trips of the last connection: a packet is one trip later than the latest that its
 * sender had got before. So it counts what waits for something, however slow the machine is.
 *
 * A line on standard input sets the time for one direction, in microseconds, and the counter to
 * zero; an empty one changes nothing. Either is answered with the count so far, two for there and
 * back: that of the latest packet which reached the client. Ends when standard input does. Wants
 * to be in a network namespace of its own.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define QUEUE   4096
#define ADDRESS "192.0.2.1"

enum side { CLIENT, SERVER, NOBODY };

static struct packet {
	long long due;
	size_t n;
	enum side to; /* NOBODY: of an older connection */
	int port;     /* the client's */
	int trips;
	unsigned char data[2048];
} queue[QUEUE];
static size_t first, queued;

static int client_port;
static int trips[2]; /* of the latest packet that reached each side */

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void up(struct ifreq *r)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in *a = (struct sockaddr_in *)&r->ifr_addr;

	a->sin_family = AF_INET;
	a->sin_addr.s_addr = inet_addr(ADDRESS);
	if (ioctl(fd, SIOCSIFADDR, r) < 0)
		perror("relay: " ADDRESS);
	a->sin_addr.s_addr = inet_addr("255.255.255.0");
	if (ioctl(fd, SIOCSIFNETMASK, r) < 0)
		perror("relay: netmask");
	r->ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, r) < 0)
		perror("relay: interface");
	close(fd);
}

static int interface(void)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0) {
		perror("relay: /dev/net/tun");
		exit(1);
	}
	up(&r);
	return fd;
}

/* The packet comes back as one from the other side: no checksum changes by that. */
static void exchange_addresses(unsigned char *packet)
{
	unsigned char source[4];

	memcpy(source, packet + 12, 4);
	memcpy(packet + 12, packet + 16, 4);
	memcpy(packet + 16, source, 4);
}

/* Whose it is and how late, by the ports in its TCP header; a lone SYN begins a connection. */
static void count(struct packet *p)
{
	size_t at = (size_t)(p->data[0] & 15) * 4;
	const unsigned char *tcp = p->data + at;
	int from, to;

	p->to = NOBODY;
	if (p->data[9] != IPPROTO_TCP || p->n < at + 20)
		return;
	from = tcp[0] << 8 | tcp[1];
	to = tcp[2] << 8 | tcp[3];
	if ((tcp[13] & 0x12) == 0x02 && from != client_port) {
		client_port = from;
		trips[SERVER] = trips[CLIENT];
	}
	if (from != client_port && to != client_port)
		return;
	p->to = from == client_port ? SERVER : CLIENT;
	p->port = client_port;
	p->trips = trips[p->to == SERVER ? CLIENT : SERVER] + 1;
}

static void take_in(int fd, long long delay)
{
	while (queued < QUEUE) {
		struct packet *p = &queue[(first + queued) % QUEUE];
		ssize_t n = read(fd, p->data, sizeof p->data);

		if (n <= 0)
			return;
		if (n < 20 || p->data[0] >> 4 != 4)
			continue;
		p->n = (size_t)n;
		p->due = now() + delay;
		count(p);
		exchange_addresses(p->data);
		queued++;
	}
}

static void let_out(int fd)
{
	for (; queued > 0 && queue[first].due <= now(); queued--, first = (first + 1) % QUEUE) {
		struct packet *p = &queue[first];

		if (p->to != NOBODY && p->port == client_port && trips[p->to] < p->trips)
			trips[p->to] = p->trips;
		if (write(fd, p->data, p->n) < 0)
			perror("relay: a packet is lost");
	}
}

/* False at the end of standard input. */
static int obey(long long *delay)
{
	char line[32];
	ssize_t n = read(0, line, sizeof line - 1);

	if (n <= 0)
		return 0;
	line[n] = '\0';
	printf("%d\n", trips[CLIENT]);
	fflush(stdout);
	if (line[0] != '\n') {
		*delay = strtoll(line, NULL, 10);
		trips[CLIENT] = trips[SERVER] = client_port = 0;
	}
	return 1;
}

int main(void)
{
	struct pollfd p[2] = { { 0, POLLIN, 0 }, { interface(), POLLIN, 0 } };
	long long delay = 0;

	for (;;) {
		long long left = queued > 0 ? queue[first].due - now() : 1000000;
		struct timespec t = { 0, 0 };

		if (left > 0) {
			t.tv_sec = left / 1000000;
			t.tv_nsec = left % 1000000 * 1000;
		}
		ppoll(p, 2, &t, NULL);
		if (p[0].revents && !obey(&delay))
			return 0;
		take_in(p[1].fd, delay);
		let_out(p[1].fd);
	}
}
