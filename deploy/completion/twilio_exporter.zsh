#compdef twilio_exporter

_twilio_exporter() {
	local curcontext=$curcontext state line ret=1
	local -A opt_args
	local -a flags commands
	flags=(
		'--help[Show help, of a command if one is named.]'
		'-h[Show help, of a command if one is named.]'
		'--version[Show application version.]'
		'-v[Show application version.]'
		'--config.file=[YAML configuration; without it, one account is taken from the TWILIO_* environment variables.]:file:_files'
		'--config.check[Load the configuration and every file that it names, print the effective configuration or all faults, and exit.]'
		'--config.watch[Load the configuration again whenever the content of its file changes.]'
		'--shard=[Which of the shards this process is, counted from 0\: it serves only those accounts that fall to it.]:shard:'
		'--total-shards=[How many shards the accounts are divided among.]:shards:'
		'--demo[Run against a built-in simulated Twilio; no account is needed.]'
		'--web.telemetry-path=[Path of the metrics.]:path:'
		'--web.external-url=[URL at which the exporter can be reached, for example behind a reverse proxy; its path is the default of --web.route-prefix.]:url:'
		'--web.route-prefix=[Prefix of all paths that are served; default\: the path of --web.external-url.]:prefix:'
		'--web.max-requests=[Maximum number of concurrent scrapes; 0 is no limit.]:requests:'
		'--web.disable-compression[Send the metrics uncompressed, even if the scraper accepts compression.]'
		'--log.level=[Least severe messages to log.]:level:(debug info warn error)'
		'--log.format=[Format of log messages.]:format:(logfmt json)'
		'--web.systemd-socket[Use systemd socket activation listeners instead of port listeners (Linux only).]'
		'*--web.listen-address=[Addresses on which to expose metrics and web interface. Repeatable for multiple addresses. Examples\: `\:9100` or `\[\:\:1\]\:9100` for http, `vsock\://\:9100` for vsock]:address:'
		'--web.config.file=[Path to configuration file that can enable TLS or authentication. See\: https\://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md]:file:_files'
	)
	commands=(
		'serve:Poll the accounts and serve their metrics.'
		'check:Ask each API of each account once, and say what works, what does not and why, and what polling will take.'
		'once:Poll everything once and write the metrics, for cron, CI and the textfile collector of node_exporter.'
		'simulate:Serve the simulated API alone, and print the configuration that talks to it.'
		'report:Report the traffic and cost of one month, by fleet, network, country, SIM and category.'
		'backfill:Write usage of the past as OpenMetrics files, of which promtool makes blocks for Prometheus.'
	)
	_arguments -C $flags '1:command:->command' '*::argument:->argument' && ret=0
	case $state in
	command)
		_describe -t commands command commands && ret=0
		;;
	argument)
		case $line[1] in
		serve)
			flags+=(
			)
			;;
		check)
			flags+=(
		'--format=[Format of the result\: text, json.]:format:(text json)'
		'--probe[Also find out how the API behaves where its documentation is silent.]'
		'--probe-wait=[Time between the two listings of --probe that show how late usage is.]:wait:'
			)
			;;
		once)
			flags+=(
		'--format=[Format of the metrics\: text, openmetrics.]:format:(text openmetrics)'
		'--output=[File to replace by the metrics; default\: standard output.]:output:_files'
		'--timeout=[How long all polls together may take; what has not ended by then has failed.]:timeout:'
			)
			;;
		simulate)
			flags+=(
		'--listen-address=[Address to listen on; a port of 0 is any free one.]:address:'
		'--sims=[How many SIMs the simulated account has.]:sims:'
		'--fleets=[How many fleets it has.]:fleets:'
		'--seed=[What decides everything that is simulated\: the same seed has the same usage.]:seed:'
		'--provider=[Whose API it is\: twilio, kore.]:provider:(twilio kore)'
		'--latency=[How long each response takes.]:latency:'
		'--remote-faults[Serve /-/faults also where --listen-address is not a loopback address.]'
			)
			;;
		report)
			flags+=(
		'--month=[Month such as 2026-10; default\: the last whole one.]:month:'
		'--format=[Format of the report\: text, csv, json, html.]:format:(text csv json html)'
		'--output=[File to replace by the report; default\: standard output.]:output:_files'
		'--top=[How many SIMs text and HTML show, those with the highest cost; 0 is all.]:top:'
			)
			;;
		backfill)
			flags+=(
		'--from=[First day (UTC), such as 2026-08-01; the API keeps 18 months.]:from:'
		'--to=[Day (UTC) before which to end\: the one on which Prometheus scraped the exporter for the first time, or the day before if that was the first of a month.]:to:'
		'--output=[Directory for the files; it is made if it does not exist.]:output:_files -/'
		'--groups=[Groups to write, separated by commas\: account, sim, fleet, network, country, sim_network; default\: those configured.]:groups:'
		'--resolution=[How far apart samples are\: hour, day.]:resolution:(hour day)'
		'--yes[Do not ask before the usage is read.]'
		'--resume[Go on with what an earlier run began in the same directory.]'
			)
			;;
		esac
		_arguments $flags && ret=0
		;;
	esac
	return ret
}

if [[ $funcstack[1] == _twilio_exporter ]]; then
	_twilio_exporter "$@"
else
	compdef _twilio_exporter twilio_exporter
fi
