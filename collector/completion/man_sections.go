package completion

// section is one of a man page. Its paragraphs are plain text.
type section struct {
	title      string
	paragraphs []string
}

// sections are those of the man page that its flags do not say.
func sections() []section {
	return []section{
		{"Environment", []string{
			"Without --config.file, there is one account: TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN, or with TWILIO_API_KEY and TWILIO_API_SECRET.",
		}},
		{"Exit status", []string{
			"0: all went well; SIGINT and SIGTERM end serve and simulate so.",
			"1: something failed, and standard error or the result says what.",
			"2: the command line is wrong.",
		}},
		{"Signals", []string{
			"SIGHUP makes serve load the configuration again. One that has a fault changes nothing.",
			"SIGINT and SIGTERM end the program. once leaves its file as it was.",
		}},
		{"Files", []string{
			"/etc/twilio_exporter/config.yml is the configuration of the service that the packages install.",
		}},
		{"See also", []string{
			"https://github.com/twilio-exporter/twilio_exporter",
			"prometheus(1), promtool(1), systemd(1)",
		}},
	}
}
