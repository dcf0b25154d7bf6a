package check

import (
	"net/url"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
)

// AnswersTo are the answers of a probe that has read these bodies of usage records.
func AnswersTo(bodies ...[]byte) []Answer {
	r := new(recorder)
	for _, body := range bodies {
		r.keep(url.Values{}, body)
	}
	p := newProbe(config.Account{}, Options{}, nil, r, time.Now())
	pages := r.take()
	p.firstAt = time.Now()
	p.answerPeriod(pages)
	var records []rawUsage
	for _, page := range pages {
		records = append(records, page.Records...)
	}
	p.first = hoursOf(records)
	if len(records) > 0 {
		p.answerRecords(records)
	}
	return p.answers
}
