# mailchute.bash - completion for bash; the options are those of src/cli/options.c

_mailchute() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=
	local modes='m s v p i C'
	local letters='-b -t -i -f -r -F -L -v -q -I -o -O -N -R -V -B -n'

	# "--config=FILE" comes as three words.
	[[ $cur = = ]] && cur=
	[[ $prev = = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
	COMPREPLY=()
	case $prev in
	--config | --out | --records | --verify | -C)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--algorithm) words='rsa ed25519' ;;
	--bits) words='2048 3072 4096' ;;
	-b) words=$modes ;;
	-o) words='i' ;;
	-N) words='never success failure delay' ;;
	-O) words='requiretls=yes smtputf8=yes mt-priority= holdfor= holduntil=' ;;
	-R) words='full hdrs' ;;
	-B) words='8BITMIME 7BIT' ;;
	--account | -[frFLV]) return ;;
	*)
		case $cur in
		-b*) words=" $modes" words=${words// / -b} ;;
		-*)
			words=$letters
			[[ ${COMP_WORDS[0]##*/} != mailchute ]] ||
				words+=' -C --config --account --check --dry-run --sign --verify --dkim-keygen --algorithm --bits --out --dkim-check --records --version --help'
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _mailchute mailchute sendmail
