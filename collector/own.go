package collector

// Names of the families about the exporter itself.
const (
	AccountInfo                = "twilio_account_info"
	PollSuccess                = "twilio_exporter_poll_success"
	PollDuration               = "twilio_exporter_poll_duration_seconds"
	PollLastSuccess            = "twilio_exporter_poll_last_success_timestamp_seconds"
	PollRecords                = "twilio_exporter_poll_records"
	Polls                      = "twilio_exporter_polls_total"
	PollFailures               = "twilio_exporter_poll_failures_total"
	APIRequests                = "twilio_exporter_api_requests_total"
	APIRetries                 = "twilio_exporter_api_retries_total"
	APIRequestDuration         = "twilio_exporter_api_request_duration_seconds"
	UsageDecreases             = "twilio_exporter_usage_decreases_total"
	ConfigLastReloadSuccessful = "twilio_exporter_config_last_reload_successful"
	ConfigLastReloadTimestamp  = "twilio_exporter_config_last_reload_success_timestamp_seconds"
	ShardOrdinal               = "twilio_exporter_shard_ordinal"
	TotalShards                = "twilio_exporter_total_shards"
	BuildInfo                  = "twilio_exporter_build_info"
)

func ownFamilies() []Family {
	global := func(name, help string, labels ...string) Family {
		return Family{Name: name, Help: help, Type: Gauge, Labels: labels}
	}
	histogram := gauge("", APIRequestDuration, "Seconds that tries of requests to the API took, the answer included.", "endpoint")
	histogram.Type = Histogram
	return []Family{
		gauge("", AccountInfo, "A configured account, constant 1; account_sid is empty until it is known.", "account_sid", "provider"),
		gauge("", PollSuccess, "Whether the last poll succeeded, 1 or 0; after a failure the results of the last good poll stand.", "collector"),
		gauge("", PollDuration, "Seconds that the last poll took.", "collector"),
		gauge("", PollLastSuccess, "When the last successful poll ended, in seconds since the epoch.", "collector"),
		gauge("", PollRecords, "Records that the last successful poll read.", "collector"),
		counter("", Polls, "Polls that ended, well or badly.", "collector"),
		counter("", PollFailures, "Polls that failed, by reason.", "collector", "reason"),
		counter("", APIRequests, "Tries of requests to the API, by HTTP status; code is error where there was no answer.", "endpoint", "code"),
		counter("", APIRetries, "Tries of requests to the API after the first, by the reason for which the one before failed.", "endpoint", "reason"),
		histogram,
		counter("", UsageDecreases, "Counters that the API reported lower than before within their month; the higher value is held.", "collector"),
		global(ConfigLastReloadSuccessful, "Whether the last load of the configuration succeeded, 1 or 0."),
		global(ConfigLastReloadTimestamp, "When the configuration was last loaded with success, in seconds since the epoch."),
		global(ShardOrdinal, "Which of the shards this process is, counted from 0."),
		global(TotalShards, "Shards that the accounts are divided among, 1 where they are not."),
		global(BuildInfo, "The build that is running, constant 1.",
			"branch", "goarch", "goos", "goversion", "revision", "tags", "version"),
	}
}
