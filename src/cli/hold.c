/*
 * hold.c - how long a message is to be held back: the values of RFC 4865
 */
#include "cli/hold.h"

#include "base/util.h"

#include <stdint.h>
#include <stddef.h>

#include "base/banned.h"

#define HOLD_FOR_MAX 999999999
#define DAY_MINUTES  (24 * 60)

/* Fields of RFC 3339 section 5.6, minutes in UTC once the offset is taken away. */
struct moment {
	int year, month, day, hour, minute, second;
};

bool hold_for_ok(const char *text)
{
	uint64_t seconds;

	return parse_number(text, HOLD_FOR_MAX, &seconds) && seconds > 0;
}

/* Takes `digits` digits that make a number from `min` to `max`. */
static bool take_number(const char **p, int digits, int min, int max, int *out)
{
	*out = 0;
	for (; digits > 0; digits--, (*p)++) {
		if (!ascii_isdigit(**p))
			return false;
		*out = *out * 10 + (**p - '0');
	}
	return *out >= min && *out <= max;
}

static bool take_char(const char **p, char c)
{
	bool there = ascii_tolower(**p) == c;

	*p += there ? 1 : 0;
	return there;
}

static int days_in(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* A leap second is the second before it. */
static bool take_time(const char **p, struct moment *m)
{
	if (!take_number(p, 2, 0, 23, &m->hour) || !take_char(p, ':') ||
	    !take_number(p, 2, 0, 59, &m->minute) || !take_char(p, ':') ||
	    !take_number(p, 2, 0, 60, &m->second))
		return false;
	if (m->second == 60)
		m->second = 59;
	if (!take_char(p, '.'))
		return true;
	if (!ascii_isdigit(**p))
		return false;
	while (ascii_isdigit(**p))
		(*p)++;
	return true;
}

/* "Z" or "+hh:mm", in minutes. */
static bool take_offset(const char **p, int *out)
{
	bool west = **p == '-';
	int hours, minutes;

	*out = 0;
	if (take_char(p, 'z'))
		return true;
	if ((!take_char(p, '+') && !take_char(p, '-')) || !take_number(p, 2, 0, 23, &hours) ||
	    !take_char(p, ':') || !take_number(p, 2, 0, 59, &minutes))
		return false;
	*out = (west ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

/* Goes `minutes` back, which are less than a day and may be negative. */
static void go_back(struct moment *m, int minutes)
{
	int of_day = m->hour * 60 + m->minute - minutes;

	if (of_day < 0 && --m->day == 0 && --m->month == 0) {
		m->month = 12;
		m->year--;
	}
	if (m->day == 0)
		m->day = days_in(m->year, m->month);
	if (of_day >= DAY_MINUTES && ++m->day > days_in(m->year, m->month)) {
		m->day = 1;
		if (++m->month > 12) {
			m->month = 1;
			m->year++;
		}
	}
	of_day = (of_day + DAY_MINUTES) % DAY_MINUTES;
	m->hour = of_day / 60;
	m->minute = of_day % 60;
}

char *hold_until(const char *text)
{
	struct moment m;
	int offset;

	if (!take_number(&text, 4, 1, 9998, &m.year) || !take_char(&text, '-') ||
	    !take_number(&text, 2, 1, 12, &m.month) || !take_char(&text, '-') ||
	    !take_number(&text, 2, 1, days_in(m.year, m.month), &m.day) || !take_char(&text, 't') ||
	    !take_time(&text, &m) || !take_offset(&text, &offset) || *text != '\0')
		return NULL;
	go_back(&m, offset);
	return xasprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", m.year, m.month, m.day, m.hour, m.minute,
			 m.second);
}
