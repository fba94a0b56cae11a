#!/usr/bin/perl
# maildkim.pl - verifies messages with Mail::DKIM, which asks a file instead of the DNS
#
#	maildkim.pl RECORDS <LIST
#
# RECORDS has lines "name record", LIST a path a line. Tells for each signature "path selector
# result". Mail::DKIM knows RSA only; other signatures are not told of.
use strict;
use warnings;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my %records;
open my $file, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
while (<$file>) {
	chomp;
	my ($name, $record) = split / /, $_, 2;
	$records{$name} = Net::DNS::RR->new(owner => $name, type => 'TXT', txtdata => $record);
}

{
	no warnings 'redefine';
	*Mail::DKIM::DNS::query = sub { return $records{lc $_[0]} // () };
}

while (my $path = <STDIN>) {
	chomp $path;
	open my $message, '<:raw', $path or die "$path: $!\n";
	my $dkim = Mail::DKIM::Verifier->new;
	$dkim->PRINT(do { local $/; <$message> });
	$dkim->CLOSE;
	print "$path ", $_->selector, ' ', $_->result, "\n" for $dkim->signatures;
}
