/*
 * test_field.c - header fields made fit to travel
 *
 * Fields in the tables are without the CRLF at their end. That what was encoded says the same as
 * before is tested by decoding it again.
 */
#include "repair/field.h"

#include "base/util.h"
#include "encoded.h"
#include "mail/addr.h"
#include "repair/fold.h"

#include "base/banned.h"

#define OUT_MAX     (8 * 1024 * 1024)
#define FILES       "Content-Disposition: attachment; filename"
#define SEVEN_BIT   false
#define UTF8_MAY_GO true

struct row {
	const char *field;
	const char *repaired;
};

static void make_field(const char *text, struct buf *b)
{
	buf_init(b, OUT_MAX);
	buf_adds(b, text);
	buf_adds(b, "\r\n");
}

static void expect_one(const char *text, const char *expected, bool utf8, const char *charset)
{
	struct result r = RESULT_OK;
	struct buf field, want, out, again;

	make_field(text, &field);
	make_field(expected, &want);
	buf_init(&out, OUT_MAX);
	buf_init(&again, OUT_MAX);
	if (!field_repair(buf_span(&field), utf8, charset, &out, &r))
		fail_msg("%s: %s", text, r.text);
	assert_string_equal(buf_str(&out), buf_str(&want));
	assert_false(field_is_wrong(buf_span(&out), utf8));
	assert_true(field_repair(buf_span(&out), utf8, charset, &again, &r));
	assert_string_equal(buf_str(&again), buf_str(&want));
	buf_free(&field);
	buf_free(&want);
	buf_free(&out);
	buf_free(&again);
}

static void expect_all(const struct row *row, size_t n, bool utf8, const char *charset)
{
	for (size_t i = 0; i < n; i++)
		expect_one(row[i].field, row[i].repaired, utf8, charset);
}

#define EXPECT_ALL(table, utf8, charset)                                                           \
	expect_all(table, sizeof table / sizeof table[0], utf8, charset)

static void test_unstructured(void **state)
{
	static const struct row table[] = {
		{ "Subject: plain", "Subject: plain" },
		{ "Subject: Gr\xc3\xbc\xc3\x9f"
		  "e",
		  "Subject: =?UTF-8?B?R3LDvMOfZQ==?=" },
		{ "Subject: Gr\xfc\xdf"
		  "e",
		  "Subject: =?ISO-8859-1?B?R3L832U=?=" },
		/* Words that are ASCII stay, and so does white space */
		{ "Subject:  Re: Caf\xc3\xa9 \t today  ",
		  "Subject:  Re: =?UTF-8?B?Q2Fmw6k=?= \t today  " },
		{ "Subject: Caf\xc3\xa9, tr\xc3\xa8s  bien \xc3\xa0 toi",
		  "Subject: =?UTF-8?B?Q2Fmw6ksIHRyw6hz?=  bien =?UTF-8?B?w6A=?= toi" },
		{ "Subject:\r\n Caf\xc3\xa9\r\n\tau\r\n lait",
		  "Subject:\r\n =?UTF-8?B?Q2Fmw6k=?=\r\n\tau\r\n lait" },
		{ "Subject: Caf\xc3\xa9\r\n\tcr\xc3\xa8me",
		  "Subject: =?UTF-8?B?Q2Fmw6kJY3LDqG1l?=" },
		{ "Subject:Caf\xc3\xa9", "Subject: =?UTF-8?B?Q2Fmw6k=?=" },
		{ "Subject : Caf\xc3\xa9", "Subject : =?UTF-8?B?Q2Fmw6k=?=" },
		{ "Subject: (Caf\xc3\xa9) \"Caf\xc3\xa9\"",
		  "Subject: =?UTF-8?B?KENhZsOpKSAiQ2Fmw6ki?=" },
		/* Each word in its own charset; the white space between is told by the second */
		{ "Subject: Caf\xc3\xa9 Caf\xe9 cafe",
		  "Subject: =?UTF-8?B?Q2Fmw6k=?= =?ISO-8859-1?Q?_Caf=E9?= cafe" },
		/* Encoded words that were there */
		{ "Subject: =?x?q?a?= =?x?q?b?= caf\xc3\xa9",
		  "Subject: =?x?q?a?= =?x?q?b?= =?UTF-8?B?IGNhZsOp?=" },
		{ "Subject: caf\xc3\xa9  =?x?q?a?= b",
		  "Subject: =?UTF-8?Q?caf=C3=A9__?=  =?x?q?a?= b" },
		{ "Subject: =?x?q?a?= \xc3\xa9 =?x?q?b?=",
		  "Subject: =?x?q?a?= =?UTF-8?Q?_=C3=A9_?= =?x?q?b?=" },
		{ "Subject: =?x?q?a?=, \xc3\xa9", "Subject: =?x?q?a?=, =?UTF-8?B?w6k=?=" },
		/* Other fields, other bytes */
		{ "Comments: \xe6\x97\xa5\xe6\x9c\xac", "Comments: =?UTF-8?B?5pel5pys?=" },
		{ "Received: from m\xc3\xa4rz (m\xc3\xa4rz [192.0.2.1]); today",
		  "Received: from =?UTF-8?B?bcOkcno=?= (=?UTF-8?B?bcOkcno=?= [192.0.2.1]);\r\n"
		  " today" },
		{ "X-Y: \xe6\x97", "X-Y: =?ISO-8859-1?B?5pc=?=" },
	};

	(void)state;
	EXPECT_ALL(table, SEVEN_BIT, "ISO-8859-1");
}

static void test_folded_words(void **state)
{
	static const struct row table[] = {
		/* The first word shares the name's line, others have their own */
		{ "Subject: \xc3\x84nderungen an den allgemeinen "
		  "Gesch\xc3\xa4"
		  "ftsbedingungen f\xc3\xbcr Ihren Vertrag",
		  "Subject: =?UTF-8?Q?=C3=84nderungen?= an den allgemeinen\r\n"
		  " =?UTF-8?Q?Gesch=C3=A4ftsbedingungen_f=C3=BCr?= Ihren Vertrag" },
		{ "Subject: "
		  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
		  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
		  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
		  "Subject: =?UTF-8?B?5pel5pys6Kqe5pel5pys6Kqe5pel5pys6Kqe5pel5pys6Kqe5pel?=\r\n"
		  " =?UTF-8?B?5pys6Kqe5pel5pys6Kqe?=" },
		{ "X-A-name-that-leaves-no-room-for-a-word: \xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
		  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
		  "X-A-name-that-leaves-no-room-for-a-word:\r\n"
		  " =?UTF-8?B?5pel5pys6Kqe5pel5pys6Kqe5pel5pys6Kqe?=" },
	};

	(void)state;
	EXPECT_ALL(table, SEVEN_BIT, CHARSET_UNKNOWN);
}

/* With SMTPUTF8 nothing changes but what is no UTF-8. */
static void test_utf8_may_go(void **state)
{
	static const struct row table[] = {
		{ "Subject: Caf\xc3\xa9", "Subject: Caf\xc3\xa9" },
		{ "To: J\xc3\xb6rg <j\xc3\xb6rg@m\xc3\xbcnchen.example>",
		  "To: J\xc3\xb6rg <j\xc3\xb6rg@m\xc3\xbcnchen.example>" },
		{ "Subject: Caf\xc3\xa9 Caf\xe9 cafe",
		  "Subject: Caf\xc3\xa9 =?unknown-8bit?Q?Caf=E9?= cafe" },
		{ "To: J\xf6rg <j\xc3\xb6rg@m\xc3\xbcnchen.example>, J\xc3\xb6rg <x@y>",
		  "To: =?unknown-8bit?Q?J=F6rg?= <j\xc3\xb6rg@m\xc3\xbcnchen.example>, J\xc3\xb6rg "
		  "<x@y>" },
		{ FILES "=\"\xc3\x9c\"; x=\"\xdc\"", FILES "=\"\xc3\x9c\"; x*=unknown-8bit''%DC" },
	};

	(void)state;
	EXPECT_ALL(table, UTF8_MAY_GO, CHARSET_UNKNOWN);
}

static void test_addresses(void **state)
{
	static const struct row table[] = {
		/* Names */
		{ "To: J\xc3\xb6rg <a@b>", "To: =?UTF-8?B?SsO2cmc=?= <a@b>" },
		{ "To: J\xc3\xb6rg<a@b>", "To: =?UTF-8?B?SsO2cmc=?= <a@b>" },
		{ "To:J\xc3\xb6rg<a@b>", "To: =?UTF-8?B?SsO2cmc=?= <a@b>" },
		{ "From: Dr. J\xc3\xb6rg K\xc3\xa4se Jr. <a@b>",
		  "From: Dr. =?UTF-8?B?SsO2cmcgS8Okc2U=?= Jr. <a@b>" },
		{ "From: \"Dr. J\xc3\xb6rg \\\"K\xc3\xa4se\\\" \" Jr. <a@b>",
		  "From: =?UTF-8?B?RHIuIErDtnJnICJLw6RzZSIg?= Jr. <a@b>" },
		{ "Cc: \"K\xc3\xa4se, J\xc3\xb6rg\" <a@b>, \"Plain, P.\" <c@d> , e@f",
		  "Cc: =?UTF-8?B?S8Okc2UsIErDtnJn?= <a@b>, \"Plain, P.\" <c@d> , e@f" },
		{ "To: \"J\xc3\xb6rg\r\n K\xc3\xa4se\" <a@b>",
		  "To: =?UTF-8?B?SsO2cmcgS8Okc2U=?= <a@b>" },
		{ "Reply-To: J\xf6rg <a@b>", "Reply-To: =?ISO-8859-15?Q?J=F6rg?= <a@b>" },
		{ "To: =?x?q?a?= J\xc3\xb6rg =?x?q?b?= \"c\" <a@b>",
		  "To: =?x?q?a?= =?UTF-8?Q?_J=C3=B6rg_?= =?x?q?b?= \"c\" <a@b>" },
		{ "To: J\xc3\xb6rg@home <a@b>", "To: =?UTF-8?Q?J=C3=B6rg=40home?= <a@b>" },
		{ "To: [K\xc3\xb6ln a:b] c <a@b>", "To: =?UTF-8?B?W0vDtmxuIGE6Yl0=?= c <a@b>" },
		/* Groups */
		{ "To: Gr\xc3\xbc\xc3\x9f"
		  "e: a@b, J\xc3\xb6rg <c@d>;, e@f",
		  "To: =?UTF-8?B?R3LDvMOfZQ==?= : a@b, =?UTF-8?B?SsO2cmc=?= <c@d>;, e@f" },
		{ "To: Gr\xc3\xbc\xc3\x9f"
		  "e:;",
		  "To: =?UTF-8?B?R3LDvMOfZQ==?= :;" },
		/* Comments */
		{ "To: a@b (J\xc3\xb6rg K)", "To: a@b (=?UTF-8?B?SsO2cmc=?= K)" },
		{ "To: a@b (x (J\xc3\xb6rg) K\xc3\xa4se\\) z)",
		  "To: a@b (x (=?UTF-8?B?SsO2cmc=?=) =?UTF-8?B?S8Okc2Up?= z)" },
		{ "To: J\xc3\xb6rg(\xc3\xa4)K\xc3\xa4se(b) <a(c)@b(\xc3\xb6)>",
		  "To: =?UTF-8?B?SsO2cmc=?= (=?UTF-8?B?w6Q=?=) =?UTF-8?B?S8Okc2U=?= (b)\r\n"
		  " <a(c)@b(=?UTF-8?B?w7Y=?=)>" },
		{ "To: (=?x?q?a?= \xc3\xa4 b) a@b", "To: (=?x?q?a?= =?UTF-8?B?IMOk?= b) a@b" },
		/* Domains */
		{ "To: a@m\xc3\xbcnchen.example", "To: a@xn--mnchen-3ya.example" },
		{ "To: a@M\xc3\x9cNCHEN.example", "To: a@xn--mnchen-3ya.example" },
		{ "To: \"a@\xc3\xa4\" <a@fa\xc3\x9f.example>",
		  "To: =?UTF-8?B?YUDDpA==?= <a@xn--fa-hia.example>" },
		{ "To: <@k\xc3\xb6ln.example,@b.example:a@k\xc3\xb6ln.example>, c@d",
		  "To: <@xn--kln-sna.example,@b.example:a@xn--kln-sna.example>, c@d" },
		{ "To: a @ (x) k\xc3\xb6ln . (y) example (z), \"b c\"@d",
		  "To: a @xn--kln-sna.example (x) (y) (z), \"b c\"@d" },
		{ "To: a@[IPv6:::1], b@k\xc3\xb6ln.example",
		  "To: a@[IPv6:::1], b@xn--kln-sna.example" },
		/* No address list: text, of which only words change */
		{ "To: J\xc3\xb6rg K\xc3\xa4se, a b",
		  "To: =?UTF-8?B?SsO2cmc=?= =?UTF-8?B?IEvDpHNl?= , a b" },
		{ "To: \"J\xc3\xb6rg <a@b>", "To: =?UTF-8?B?SsO2cmcgPGFAYj4=?=" },
		{ "To: (J\xc3\xb6rg <a@b>", "To: (=?UTF-8?B?SsO2cmc=?= <a@b>" },
		{ "To: <j\xc3\xb6rg@b>, <", "To: =?UTF-8?B?PGrDtnJnQGI+?= , <" },
		{ "To: a<\xc3\xb6>b<c> \xc3\xb6: x y;",
		  "To: a =?UTF-8?B?PMO2Pg==?= b<c> =?UTF-8?B?w7Y=?= : x y;" },
		/* ... and nothing comes out of quoted strings and comments */
		{ "Reply-To: \"J\xc3\xb6rg, evil@x.example, z\" <j@x.example>, undisclosed "
		  "recipients",
		  "Reply-To: =?UTF-8?B?SsO2cmcsIGV2aWxAeC5leGFtcGxlLCB6?= <j@x.example>,\r\n"
		  " undisclosed recipients" },
		{ "To: (\xc3\xb6 , evil@x (,\xc3\xb6) , z) <j@x>, a b",
		  "To: (=?UTF-8?B?w7Y=?= , evil@x (=?UTF-8?B?LMO2?=) , z) <j@x>, a b" },
		{ "To: \"\\\" \xc3\xb6 , e@x, \" <j@x>, a b",
		  "To: =?UTF-8?B?IiDDtiAsIGVAeCwg?= <j@x>, a b" },
	};

	(void)state;
	EXPECT_ALL(table, SEVEN_BIT, "ISO-8859-15");
}

/* Fields that hold addresses, but where nobody looks for recipients. */
static void test_lists(void **state)
{
	static const struct row table[] = {
		{ "Disposition-Notification-To: \"J\xc3\xb6rg, evil@x, z\" <j@k\xc3\xb6ln.example>",
		  "Disposition-Notification-To: =?UTF-8?B?SsO2cmcsIGV2aWxAeCwgeg==?=\r\n"
		  " <j@xn--kln-sna.example>" },
		{ "X-Original-From: \"\xc3\xb6, evil@x, z\" <j@x>",
		  "X-Original-From: =?UTF-8?B?w7YsIGV2aWxAeCwgeg==?= <j@x>" },
		{ "x-original-sender: \xc3\xb6 (\"\xc3\xb6 , e@x) <j@x>",
		  "x-original-sender: =?UTF-8?B?w7Y=?= (=?UTF-8?B?IsO2?= , e@x) <j@x>" },
		{ "X-Original-To: a@k\xc3\xb6ln.example, \"\xc3\xb6, e@x\" b c",
		  "X-Original-To: =?UTF-8?B?YUBrw7Zsbi5leGFtcGxl?= , =?UTF-8?B?w7YsIGVAeA==?= b\r\n"
		  " c" },
		{ "Mail-Followup-To: a@k\xc3\xb6ln.example",
		  "Mail-Followup-To: a@xn--kln-sna.example" },
		{ "Mail-Reply-To: a@k\xc3\xb6ln.example", "Mail-Reply-To: a@xn--kln-sna.example" },
		{ "Apparently-To: a@k\xc3\xb6ln.example", "Apparently-To: a@xn--kln-sna.example" },
		{ "Return-Receipt-To: a@k\xc3\xb6ln.example",
		  "Return-Receipt-To: a@xn--kln-sna.example" },
		/* What address fields are refused for */
		{ "Errors-To: J\xc3\xb6rg <j\xc3\xb6rg@b>, k@l",
		  "Errors-To: =?UTF-8?B?SsO2cmc=?= =?UTF-8?B?IDxqw7ZyZ0BiPg==?= , k@l" },
		{ "Errors-To: \"j\xc3\xb6rg\"@b", "Errors-To: =?UTF-8?B?asO2cmdAYg==?=" },
		{ "Errors-To: a@b!.\xc3\xa4.example",
		  "Errors-To: =?UTF-8?B?YUBiIS7DpC5leGFtcGxl?=" },
	};

	(void)state;
	EXPECT_ALL(table, SEVEN_BIT, "ISO-8859-15");
}

/* Quoted strings and comments are whole, where a field may have them. */
static void test_tokens(void **state)
{
	static const struct row table[] = {
		{ "Received: from x (\xc3\xa4 host) by y; today",
		  "Received: from x (=?UTF-8?B?w6Q=?= host) by y; today" },
		{ "List-ID: \"\xc3\xa4 <x> b\" <y>", "List-ID: =?UTF-8?B?w6QgPHg+IGI=?= <y>" },
		{ "References: <\xc3\xa4@b> <c@d>", "References: =?UTF-8?B?PMOkQGI+?= <c@d>" },
		{ "Date: today (\xc3\xa4 b)", "Date: today (=?UTF-8?B?w6Q=?= b)" },
		{ "Content-ID: (\xc3\xa4 b) <x>", "Content-ID: (=?UTF-8?B?w6Q=?= b) <x>" },
		{ "ARC-Seal: (\xc3\xa4 b) x", "ARC-Seal: (=?UTF-8?B?w6Q=?= b) x" },
		/* Text has none */
		{ "Content-Description: (\xc3\xa4 b)", "Content-Description: =?UTF-8?B?KMOk?= b)" },
		{ "Receive: (\xc3\xa4 b)", "Receive: =?UTF-8?B?KMOk?= b)" },
		{ "Receiveds: (\xc3\xa4 b)", "Receiveds: =?UTF-8?B?KMOk?= b)" },
	};

	(void)state;
	EXPECT_ALL(table, SEVEN_BIT, "ISO-8859-15");
}

static void test_parameters(void **state)
{
	static const struct row table[] = {
		{ FILES "=\"\xc3\x9c"
			"bersicht M\xc3\xa4rz.pdf\"",
		  "Content-Disposition: attachment;\r\n"
		  " filename*=UTF-8''%C3%9Cbersicht%20M%C3%A4rz.pdf" },
		{ FILES "=\xc3\x9c"
			"bersicht M\xc3\xa4rz.pdf ; size=3",
		  "Content-Disposition: attachment;\r\n"
		  " filename*=UTF-8''%C3%9Cbersicht%20M%C3%A4rz.pdf ; size=3" },
		{ FILES "=\"\xdc.pdf\"", FILES "*=ISO-8859-1''%DC.pdf" },
		{ FILES " = \"a'*%\\\"\xc3\x9c\\\\\" (\xc3\xa4)",
		  FILES "*=UTF-8''a%27%2A%25%22%C3%9C%5C\r\n (=?UTF-8?B?w6Q=?=)" },
		{ "Content-Type: text/plain;\r\n\tname=\"\xc3\x9c\";charset=\"a\"; x=y",
		  "Content-Type: text/plain;\r\n\tname*=UTF-8''%C3%9C;charset=\"a\"; x=y" },
		{ "content-type: text/plain;name=\xc3\x9c",
		  "content-type: text/plain; name*=UTF-8''%C3%9C" },
		{ "Content-Disposition: filename=\xc3\x9c",
		  "Content-Disposition: filename*=UTF-8''%C3%9C" },
		/* Sections */
		{ FILES
		  "=\"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
		  "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e long.pdf\"; x",
		  "Content-Disposition: attachment;\r\n"
		  " filename*0*=UTF-8''%E6%97%A5%E6%9C%AC%E8%AA%9E%E6%97%A5%E6%9C%AC%E8%AA%9E;\r\n"
		  " filename*1*=%E6%97%A5%E6%9C%AC%E8%AA%9E%20long.pdf; x" },
		{ FILES "=\"aa\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97"
			"\xa5\xe6\x97\xa5\"",
		  "Content-Disposition: attachment;\r\n"
		  " filename*0*=UTF-8''aa%E6%97%A5%E6%97%A5%E6%97%A5%E6%97%A5%E6%97%A5;\r\n"
		  " filename*1*=%E6%97%A5%E6%97%A5" },
		/* Made by somebody who knew half of it */
		{ FILES "*=utf-8''%20\xc3\x9c", FILES "*=utf-8''%20%C3%9C" },
		{ FILES "*0=\"\xc3\x9c\"; filename*1=\"\xc3\xa4\"",
		  FILES "*0*=UTF-8''%C3%9C;\r\n filename*1*=%C3%A4" },
		{ FILES "*0=\"caf\"; filename*1=\"\xc3\xa9.txt\"; filename*2=x",
		  "Content-Disposition: attachment; filename*0*=UTF-8''caf;\r\n"
		  " filename*1*=%C3%A9.txt; filename*2=x" },
		{ FILES "*0=\"caf\"; filename*1=\"e\xe9.txt\"; x*0=\"a\"; y=\"\xe9\"",
		  "Content-Disposition: attachment; filename*0*=ISO-8859-1''caf;\r\n"
		  " filename*1*=e%E9.txt; x*0=\"a\"; y*=ISO-8859-1''%E9" },
		/* Who reads name* does not need the other */
		{ FILES "=\"\xc3\xa4.txt\"; filename*=UTF-8''%C3%A4.txt",
		  FILES "*=UTF-8''%C3%A4.txt" },
		{ FILES "*=UTF-8''%C3%A4.txt;\r\n FileName=\"\xc3\xa4.txt\"; x=y",
		  FILES "*=UTF-8''%C3%A4.txt; x=y" },
		{ FILES "=\xc3\xa4; filename*0*=UTF-8''%C3; filename*1*=%A4",
		  FILES "*0*=UTF-8''%C3; filename*1*=%A4" },
		{ "Content-Disposition: filename=\xc3\xa4; filename*=UTF-8''%C3%A4;",
		  "Content-Disposition: filename*=UTF-8''%C3%A4;" },
		{ FILES "=\"a\"; filename*=UTF-8''%C3%A4; x=\xc3\xa4",
		  "Content-Disposition: attachment; filename=\"a\"; filename*=UTF-8''%C3%A4;\r\n"
		  " x*=UTF-8''%C3%A4" },
		/* Junk */
		{ "Content-Type: a/b; name=\"\xc3\xa4\"b*=\"c\"",
		  "Content-Type: a/b; name*=UTF-8''%C3%A4 b*=\"c\"" },
		/* What is no parameter */
		{ "Content-Type: text/pl\xc3\xa4in; \xc3\xa4=b; \xc3\xb6; a=b",
		  "Content-Type: =?UTF-8?Q?text/pl=C3=A4in?= ; =?UTF-8?B?w6Q9Yg==?= ;\r\n"
		  " =?UTF-8?B?w7Y=?= ; a=b" },
		{ "Content-Type: (\xc3\xa4; b) text/plain",
		  "Content-Type: (=?UTF-8?B?w6Q7?= b) text/plain" },
		{ FILES "=(\xc3\xa4; x=y", FILES "*=UTF-8''%28%C3%A4; x=y" },
		/* Other fields have none */
		{ "X-Disposition: a; b=\xc3\x9c", "X-Disposition: a; =?UTF-8?B?Yj3DnA==?=" },
	};

	(void)state;
	EXPECT_ALL(table, SEVEN_BIT, "ISO-8859-1");
}

static void expect_refused(const char *text, bool utf8, const char *sentence)
{
	struct result r = RESULT_OK;
	struct buf field, out;

	make_field(text, &field);
	buf_init(&out, OUT_MAX);
	assert_true(field_is_wrong(buf_span(&field), utf8));
	assert_false(field_repair(buf_span(&field), utf8, CHARSET_UNKNOWN, &out, &r));
	assert_int_equal(r.cause, CAUSE_DATA);
	assert_int_equal(r.step, STEP_HEADER);
	assert_string_equal(r.text, sentence);
	result_free(&r);
	buf_free(&field);
	buf_free(&out);
}

static void test_refused(void **state)
{
	struct buf field, out;
	struct result r = RESULT_OK;

	(void)state;
	expect_refused("To: J <j\xc3\xb6rg@b.example>", SEVEN_BIT,
		       "the header field To holds the address \"j\xc3\xb6rg@b.example\": its local "
		       "part is not ASCII, which only a host that offers SMTPUTF8 can take");
	expect_refused(
		"To: x@y, j\xf6rg@b.example", UTF8_MAY_GO,
		"the header field To holds the address \"j?rg@b.example\": its local part is "
		"neither ASCII nor UTF-8");
	/* UTF-8 only without its backslash, which nobody takes away on the wire */
	expect_refused("To: \"\xdc\\\x88\"", UTF8_MAY_GO,
		       "the header field To holds octets that are no UTF-8 where nothing can be "
		       "encoded");
	expect_refused(
		"Cc: j@b!.\xc3\xa4.example", SEVEN_BIT,
		"the header field Cc holds an address at \"b!.\xc3\xa4.example\": its domain "
		"holds a character that no host name has");
	expect_refused(": \xe4", SEVEN_BIT, "a header field has no name, or one beyond ASCII");
	expect_refused("X\xe4: x", SEVEN_BIT, "a header field has no name, or one beyond ASCII");

	make_field("X-Y: ", &field);
	field.len -= 2;
	for (size_t i = 0; i < 1200; i++)
		buf_addc(&field, 'a');
	expect_refused(
		buf_str(&field), SEVEN_BIT,
		"the header field X-Y has a line over 998 octets and no white space where it "
		"could be folded");

	buf_init(&out, 500);
	buf_adds(&field, "\r\n \xc3\xa4\r\n");
	assert_false(field_repair(buf_span(&field), SEVEN_BIT, "x", &out, &r));
	assert_string_equal(r.text, "the header field X-Y would be longer than 500 bytes when "
				    "encoded");
	result_free(&r);
	buf_free(&out);
	buf_free(&field);
}

/* White space that is most of a field, or all of a line. */
static void test_blanks(void **state)
{
	static const struct row table[] = {
		{ "Subject: a\r\n \r\n \xc3\xa4\r\n  ", "Subject: a\r\n =?UTF-8?B?w6Q=?=" },
		{ "To: \"a\r\n \r\n b\"@c, \xc3\xa4 <d@e>",
		  "To: \"a\r\n  b\"@c, =?UTF-8?B?w6Q=?= <d@e>" },
	};
	static const struct row long_ones[] = {
		{ "X-A: y", "" },
		{ "Subject: y", "z" },
		{ "Subject: \xc3\xa4", "z" },
	};

	(void)state;
	EXPECT_ALL(table, SEVEN_BIT, "x");
	for (size_t i = 0; i < sizeof long_ones / sizeof long_ones[0]; i++) {
		struct result r = RESULT_OK;
		struct buf field, out;

		buf_init(&out, OUT_MAX);
		make_field(long_ones[i].field, &field);
		field.len -= 2;
		for (size_t n = 0; n < 1000; n++)
			buf_addc(&field, ' ');
		buf_adds(&field, long_ones[i].repaired);
		buf_adds(&field, "\r\n");
		assert_true(field_repair(buf_span(&field), SEVEN_BIT, "x", &out, &r));
		assert_false(field_is_wrong(buf_span(&out), SEVEN_BIT));
		buf_free(&field);
		buf_free(&out);
	}
}

static void test_complaint(void **state)
{
	struct buf field;

	(void)state;
	assert_null(field_complaint(span_of("A: b\r\n"), SEVEN_BIT));
	assert_null(field_complaint(span_of("A: \xc3\xa4\r\n"), UTF8_MAY_GO));
	assert_string_equal(field_complaint(span_of("A: \xc3\xa4\r\n"), SEVEN_BIT),
			    "holds octets beyond ASCII");
	assert_string_equal(field_complaint(span_of("A: \xe4\r\n"), UTF8_MAY_GO),
			    "holds octets that are no UTF-8");
	make_field("A:", &field);
	field.len -= 2;
	while (field.len < 998)
		buf_addc(&field, ' ');
	buf_adds(&field, "\r\n");
	assert_null(field_complaint(buf_span(&field), SEVEN_BIT));
	field.len -= 2;
	buf_adds(&field, " \r\n");
	assert_string_equal(field_complaint(buf_span(&field), SEVEN_BIT),
			    "has a line over 998 octets");
	buf_free(&field);
}

static void test_needs_utf8(void **state)
{
	(void)state;
	assert_true(field_needs_utf8(span_of("To: j\xc3\xb6rg@b\r\n")));
	assert_true(field_needs_utf8(span_of("To: a@b, x <\"j\xc3\xb6rg\"@b>\r\n")));
	assert_true(field_needs_utf8(span_of("Resent-From: j\xc3\xb6rg\r\n")));
	assert_false(field_needs_utf8(span_of("To: J\xc3\xb6rg <j@b>\r\n")));
	assert_false(field_needs_utf8(span_of("To: j@m\xc3\xbcnchen.example (\xc3\xb6)\r\n")));
	assert_false(field_needs_utf8(span_of("To: j\xc3\xb6rg@b, <\r\n")));
	assert_false(field_needs_utf8(span_of("Subject: j\xc3\xb6rg@b\r\n")));
	assert_false(field_needs_utf8(span_of("X-Original-To: j\xc3\xb6rg@b\r\n")));
	assert_false(field_needs_utf8(span_of("To: a@b\r\n")));
}

/* Lines of many pieces that are only too long: nothing but line breaks is new. */
static void test_long_lines(void **state)
{
	static const struct {
		const char *name;
		const char *piece;
		const char *end;
		bool blanks; /* are new, too */
	} table[] = {
		{ "References: ", "<0123456789.abcdef@mail.example.org> ", "<a@b>", false },
		{ "References: ", "<0123456789.abcdef@mail.example.org>\t", "<a@b>", false },
		{ "To: ", "somebody@example.org,", "a@b", true },
		{ "To: ", "\"Some, Body\" <somebody@example.org>, ", "a@b", false },
		{ "To: \"", "and so on and on ", "\" <a@b>", false },
		{ "X-Spam: (", "this test, and that one; ", ") no", false },
		{ "Subject: ", "words without end ", "amen", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct result r = RESULT_OK;
		struct buf field, out, back;

		buf_init(&field, OUT_MAX);
		buf_init(&out, OUT_MAX);
		buf_init(&back, OUT_MAX);
		buf_adds(&field, table[i].name);
		while (field.len < 1200)
			buf_adds(&field, table[i].piece);
		buf_adds(&field, table[i].end);
		buf_adds(&field, "\r\n");
		assert_true(field_repair(buf_span(&field), SEVEN_BIT, "x", &out, &r));
		assert_true(fold_longest(buf_span(&out)) <= 78);
		for (size_t at = 0; at + 2 < out.len; at++)
			if (memcmp(out.p + at, "\r\n", 2) == 0)
				at += table[i].blanks ? 2 : 1;
			else
				buf_addc(&back, out.p[at]);
		field.len -= 2;
		assert_int_equal(back.len, field.len);
		assert_memory_equal(back.p, field.p, field.len);
		buf_free(&field);
		buf_free(&out);
		buf_free(&back);
	}
}

static void expect_decoded(const struct buf *text)
{
	struct result r = RESULT_OK;
	struct buf field, out, back, want;

	buf_init(&field, OUT_MAX);
	buf_init(&out, OUT_MAX);
	buf_init(&back, OUT_MAX);
	buf_init(&want, OUT_MAX);
	buf_adds(&field, "Subject: ");
	buf_addspan(&field, buf_span(text));
	buf_adds(&field, "\r\n");
	assert_true(field_repair(buf_span(&field), SEVEN_BIT, CHARSET_UNKNOWN, &out, &r));
	if (has_8bit(text->p, text->len))
		assert_true(fold_longest(buf_span(&out)) <= 76);
	assert_false(has_8bit(out.p, out.len));
	encoded_decode_text(span_trim((struct span){ out.p + 8, out.len - 8 }), &back);
	encoded_decode_text(buf_span(text), &want);
	assert_string_equal(buf_str(&back), buf_str(&want));
	buf_free(&field);
	buf_free(&out);
	buf_free(&back);
	buf_free(&want);
}

/* Raw, plain and encoded words in every order, with white space of all kinds. */
static void test_decoded(void **state)
{
	static const char *const words[] = {
		"caf\xc3\xa9",
		"plain",
		"=?UTF-8?Q?caf=C3=A9?=",
		"caf\xe9",
		"=?UTF-8?B?w6k=?=",
		"=?no-word?=",
		"\xf0\x9f\x8e\x89\xf0\x9f\x8e\x89",
		"(\"x\"",
		"\xc3\xa9\xe9",
	};
	static const char *const blanks[] = { " ", "  ", "\r\n ", "\t", " \r\n\t " };
	const size_t n = sizeof words / sizeof words[0];
	struct buf text;

	(void)state;
	buf_init(&text, 1000);
	for (size_t i = 0; i < n * n * n * n; i++) {
		buf_clear(&text);
		buf_adds(&text, words[i % n]);
		buf_adds(&text, blanks[i % 5]);
		buf_adds(&text, words[i / n % n]);
		buf_adds(&text, blanks[i / 5 % 5]);
		buf_adds(&text, words[i / n / n % n]);
		buf_adds(&text, blanks[i / 25 % 5]);
		buf_adds(&text, words[i / n / n / n]);
		expect_decoded(&text);
	}
	for (size_t i = 0; text.len < 900; i++) {
		buf_adds(&text, i % 17 < 12 ? "\xe6\x97\xa5" : " \xc3\xa9");
		expect_decoded(&text);
	}
	buf_free(&text);
}

/* As long as a field may be, of what would be worst; it must not take long. */
static void test_large(void **state)
{
	static const char *const names[] = { "Subject: \xc3\xa9 x", "To: \xc3\xa9 <x@y>,",
					     "Content-Type: a/b; \xc3\xa9 x" };
	static const char *const pieces[] = {
		" \xc3\xa9 a",
		"\xe9",
		" \xe9 \xc3\xa9",
		"(",
		"( \xc3\xa9",
		" J\xc3\xa9 <a@b>,",
		" a@\xc3\xa9.de,",
		";\xc3\xa9=a",
		"\"",
		" [",
		"x=(\xc3\xa9;",
		"=?x?q?a?= \xe9 ",
		"\\ \xe9(",
		" =?",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
			struct result r = RESULT_OK;
			struct buf field, out;

			buf_init(&field, OUT_MAX);
			buf_init(&out, OUT_MAX);
			buf_adds(&field, names[i]);
			while (field.len < 256 * 1024 - 100)
				buf_adds(&field, pieces[k]);
			buf_adds(&field, "\r\n");
			if (field_repair(buf_span(&field), SEVEN_BIT, CHARSET_UNKNOWN, &out, &r))
				assert_false(field_is_wrong(buf_span(&out), SEVEN_BIT));
			result_free(&r);
			buf_free(&field);
			buf_free(&out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unstructured), cmocka_unit_test(test_folded_words),
		cmocka_unit_test(test_utf8_may_go),  cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_lists),        cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_parameters),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_blanks),       cmocka_unit_test(test_complaint),
		cmocka_unit_test(test_needs_utf8),   cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_decoded),      cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
