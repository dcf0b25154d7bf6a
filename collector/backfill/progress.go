package backfill

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// progress shows how far a run is: a bar on a terminal, otherwise a line now and then.
// It counts requests. How many there will be is corrected after each chunk: a group is
// taken to go on as it has gone so far.
type progress struct {
	w        io.Writer
	terminal bool
	now      func() time.Time

	mu       sync.Mutex
	bar      *progressbar.ProgressBar // nil: none is shown
	sent     int                      // requests so far
	shares   []*share
	before   int // requests before begin, and before the share that is read
	current  int
	expected int // requests in all; 0: not begun
	started  time.Time
	shown    time.Time
}

// share is what reading one group takes.
type share struct {
	left          []int // requests of each chunk to be read, at most
	planned, took int   // of those that have been read
}

// expects is how many requests are left.
func (s *share) expects() (n float64) {
	for _, requests := range s.left {
		n += float64(requests)
	}
	if s.planned > 0 {
		n *= float64(s.took) / float64(s.planned)
	}
	return n
}

const lineEvery = 10 * time.Second

func newProgress(o *Options) *progress {
	return &progress{w: o.Log, terminal: o.Terminal, now: o.Now, started: o.Now()}
}

// begin begins to show what shares take.
func (p *progress) begin(shares []*share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shares, p.before, p.current, p.started, p.shown = shares, p.sent, p.sent, p.now(), p.now()
	p.estimate()
	if p.terminal {
		p.bar = progressbar.NewOptions(p.expected,
			progressbar.OptionSetWriter(p.w), progressbar.OptionSetDescription("requests"), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(200*time.Millisecond),
			progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
	}
}

// estimate estimates how many requests there will be. The caller holds mu.
func (p *progress) estimate() {
	left := 0.0
	for _, s := range p.shares {
		left += s.expects()
	}
	p.expected = max(1, p.current-p.before+int(left+0.5))
}

// request counts a request.
func (p *progress) request() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent++
	if p.expected == 0 {
		return
	}
	p.expected = max(p.expected, p.sent-p.before+1) // it is not over before it is
	if p.show(); p.bar != nil {
		return
	}
	if now := p.now(); now.Sub(p.shown) >= lineEvery {
		p.shown = now
		fmt.Fprintln(p.w, p.line(now))
	}
}

// show moves the bar. The caller holds mu.
func (p *progress) show() {
	if p.bar == nil {
		return
	}
	if p.bar.GetMax() != p.expected {
		p.bar.ChangeMax(p.expected)
	}
	_ = p.bar.Set(p.sent - p.before) // it is only shown
}

// line is how far the run is. The caller holds mu.
func (p *progress) line(now time.Time) string {
	sent := p.sent - p.before
	line := fmt.Sprintf("%s of about %s requests", count(int64(sent)), count(int64(p.expected)))
	if elapsed := now.Sub(p.started); sent > 0 {
		line += fmt.Sprintf(", about %s left", rough(time.Duration(float64(elapsed)/float64(sent)*float64(p.expected-sent))))
	}
	return line
}

// done says that the next chunk of a share has been read.
func (p *progress) done(s *share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.planned += s.left[0]
	s.took += p.sent - p.current
	s.left, p.current = s.left[1:], p.sent
	p.estimate()
	p.show()
}

// note shows a sentence.
func (p *progress) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.w, text)
}

// hide removes the bar until the next request, so that a file's name has a line of its own.
func (p *progress) hide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// requests is how many were sent.
func (p *progress) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// end removes the bar.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
	p.expected = 0
}

// observer counts an account's requests.
type observer struct {
	progress *progress
	pace     *pace
}

// Request implements twilio.Observer.
func (o observer) Request(twilio.Endpoint, string, time.Duration) {
	o.progress.request()
	o.pace.sent.Add(1)
}

// Retry implements twilio.Observer.
func (o observer) Retry(twilio.Endpoint, twilio.Reason) {}
