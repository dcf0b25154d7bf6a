# Completion of twilio_exporter for bash.
# shellcheck shell=bash disable=SC2207
_twilio_exporter() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flag='' command='' i
	COMPREPLY=()
	# bash splits --flag=value into three words, unless COMP_WORDBREAKS lacks the "=".
	if [[ $cur == '=' ]]; then
		flag=$prev cur=''
	elif [[ $prev == '=' ]]; then
		flag=${COMP_WORDS[COMP_CWORD-2]}
	elif [[ $cur == --*=* ]]; then
		flag=${cur%%=*} cur=${cur#*=}
	elif [[ $prev == --* ]]; then
		flag=$prev
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		serve|check|once|simulate|report|backfill)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	case "$command $flag" in
	check' --format')
		COMPREPLY=($(compgen -W 'text json' -- "$cur"))
		return
		;;
	check' --probe-wait')
		return
		;;
	once' --format')
		COMPREPLY=($(compgen -W 'text openmetrics' -- "$cur"))
		return
		;;
	once' --output')
		local IFS=$'\n'
		COMPREPLY=($(compgen -f -- "$cur"))
		compopt -o filenames 2>/dev/null
		return
		;;
	once' --timeout')
		return
		;;
	simulate' --listen-address')
		return
		;;
	simulate' --sims')
		return
		;;
	simulate' --fleets')
		return
		;;
	simulate' --seed')
		return
		;;
	simulate' --provider')
		COMPREPLY=($(compgen -W 'twilio kore' -- "$cur"))
		return
		;;
	simulate' --latency')
		return
		;;
	report' --month')
		return
		;;
	report' --format')
		COMPREPLY=($(compgen -W 'text csv json html' -- "$cur"))
		return
		;;
	report' --output')
		local IFS=$'\n'
		COMPREPLY=($(compgen -f -- "$cur"))
		compopt -o filenames 2>/dev/null
		return
		;;
	report' --top')
		return
		;;
	backfill' --from')
		return
		;;
	backfill' --to')
		return
		;;
	backfill' --output')
		local IFS=$'\n'
		COMPREPLY=($(compgen -d -- "$cur"))
		compopt -o filenames 2>/dev/null
		return
		;;
	backfill' --groups')
		return
		;;
	backfill' --resolution')
		COMPREPLY=($(compgen -W 'hour day' -- "$cur"))
		return
		;;
	*' --config.file')
		local IFS=$'\n'
		COMPREPLY=($(compgen -f -- "$cur"))
		compopt -o filenames 2>/dev/null
		return
		;;
	*' --shard')
		return
		;;
	*' --total-shards')
		return
		;;
	*' --web.telemetry-path')
		return
		;;
	*' --web.external-url')
		return
		;;
	*' --web.route-prefix')
		return
		;;
	*' --web.max-requests')
		return
		;;
	*' --log.level')
		COMPREPLY=($(compgen -W 'debug info warn error' -- "$cur"))
		return
		;;
	*' --log.format')
		COMPREPLY=($(compgen -W 'logfmt json' -- "$cur"))
		return
		;;
	*' --web.listen-address')
		return
		;;
	*' --web.config.file')
		local IFS=$'\n'
		COMPREPLY=($(compgen -f -- "$cur"))
		compopt -o filenames 2>/dev/null
		return
		;;
	esac
	local words='--help --version --config.file= --config.check --config.watch --shard= --total-shards= --demo --web.telemetry-path= --web.external-url= --web.route-prefix= --web.max-requests= --web.disable-compression --log.level= --log.format= --web.systemd-socket --web.listen-address= --web.config.file='
	case $command in
	serve) words+=' ' ;;
	check) words+=' --format= --probe --probe-wait=' ;;
	once) words+=' --format= --output= --timeout=' ;;
	simulate) words+=' --listen-address= --sims= --fleets= --seed= --provider= --latency= --remote-faults' ;;
	report) words+=' --month= --format= --output= --top=' ;;
	backfill) words+=' --from= --to= --output= --groups= --resolution= --yes --resume' ;;
	'') words+=' serve check once simulate report backfill' ;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace 2>/dev/null
	fi
}
complete -F _twilio_exporter twilio_exporter
