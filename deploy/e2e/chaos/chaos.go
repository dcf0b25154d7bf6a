package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// chaos is a run.
type chaos struct {
	options
	scrapeTimeout time.Duration
	directory     string
	logf          func(string, ...any)
	report        *report
	checker       *checker
	accounts      []*account
	simulators    []*simulator
	weather       *weather
	client        *http.Client
	random        *rand.Rand // of the events

	process    atomic.Pointer[process] // nil while there is none
	generation int
	now        configuration // in force
	broken     bool          // the file holds something else
	attacking  atomic.Value  // name of the attack that is under way, or of the last one
	calmUntil  atomic.Int64  // in nanoseconds since the epoch; measurements are made until then
	added      map[*account]int
	reloading  sync.Mutex // held by a flood of reloads, and while one by SIGHUP is waited for
}

// settled is for how long no hostile client has done anything when a calm begins.
const settled = time.Second

// try tries the exporter, and returns an error unless all was well.
func try(ctx context.Context, o options, directory string, logf func(string, ...any)) error {
	start := time.Now()
	c := &chaos{
		options: o, scrapeTimeout: max(10*time.Second, o.scrapes), directory: directory, logf: logf,
		report: newReport(o.seed, logf), random: rand.New(rand.NewPCG(o.seed, 2)), added: make(map[*account]int),
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}},
	}
	defer c.client.CloseIdleConnections()
	c.accounts = newWorld(o, start)
	var err error
	if c.simulators, err = simulators(ctx, o, c.accounts, start); err != nil {
		return err
	}
	defer closeAll(c.simulators)
	c.weather = &weather{options: o, random: rand.New(rand.NewPCG(o.seed, 4)), accounts: c.accounts, simulators: c.simulators, report: c.report}
	if err := writeCertificate(directory); err != nil {
		return err
	}
	for _, a := range c.accounts {
		if err := replaceFile(secretFile(directory, a), a.secret+"\n"); err != nil {
			return err
		}
	}
	c.now = everything(o, c.accounts)
	c.checker = &checker{options: o, report: c.report, started: start, phases: []phase{{configuration: c.now, from: start}}, runs: make(map[runKey]*run), polled: make(map[*account]bool)}
	if err := c.writeConfiguration(c.now); err != nil {
		return err
	}
	logf("seed %d: %d accounts (%s), polls every %s, for %s", o.seed, len(c.accounts), roles(c.accounts), o.interval, o.duration)
	if err := c.start(ctx); err != nil {
		return err
	}
	defer func() {
		if p := c.running(); p != nil {
			p.kill()
		}
	}()

	scraping, stopScraping := context.WithCancel(ctx)
	defer stopScraping()
	working, cancel := context.WithTimeout(scraping, o.duration)
	defer cancel()
	var scrapers, others sync.WaitGroup
	for n := range 3 {
		scrapers.Go(func() { c.honest(scraping, n) })
	}
	others.Go(func() { c.hostile(working) })
	others.Go(func() { c.weather.run(working) })
	err = c.events(working, start)
	cancel()
	others.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = c.recover(ctx)
	}
	stopScraping()
	scrapers.Wait()
	if err == nil {
		err = c.end()
	}
	return errors.Join(err, c.report.verdict(o.duration))
}

// running returns the process; nil while there is none.
func (c *chaos) running() *process { return c.process.Load() }

// start starts the exporter, in every second run with TLS.
func (c *chaos) start(ctx context.Context) error {
	c.generation++
	arguments := []string{"--config.file=" + c.configFile(), "--web.listen-address=127.0.0.1:0"}
	encrypted := c.random.IntN(2) == 0
	if encrypted {
		arguments = append(arguments, "--web.config.file="+filepath.Join(c.directory, "web.yml"))
	}
	if c.random.IntN(3) == 0 {
		arguments = append(arguments, "--log.level=debug")
	}
	p, err := startProcess(ctx, c.options, c.generation, c.report, arguments...)
	if err != nil {
		return err
	}
	if p.tls = encrypted; encrypted {
		p.url = "https" + p.url[len("http"):]
	}
	c.checker.processStarted(p)
	c.process.Store(p)
	return nil
}

// events lets one thing after another happen until the context ends.
func (c *chaos) events(ctx context.Context, start time.Time) error {
	restarts := c.restarts
	lastRestart := start
	progress := time.Now()
	for sleep(ctx, c.pace/4+time.Duration(c.random.Int64N(int64(c.pace)))) {
		if err := c.running().alive(); err != nil {
			return err
		}
		if c.duration > 5*time.Minute && time.Since(progress) > c.duration/20 {
			progress = time.Now()
			c.logf("after %s: %s", time.Since(start).Round(time.Second), c.report.short())
		}
		if spell := c.duration * 2 / 5; restarts > 0 && time.Since(start) < spell && time.Since(lastRestart) > spell/time.Duration(c.restarts+1) {
			restarts--
			if err := c.restart(ctx); err != nil {
				return err
			}
			lastRestart = time.Now()
			continue
		}
		var err error
		switch n := c.random.IntN(6); {
		case n < 2:
			err = c.rotate()
		case n < 5:
			err = c.reload(ctx)
		default:
			c.changeInventory()
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// restart ends the process, by SIGKILL or SIGTERM, and starts another.
func (c *chaos) restart(ctx context.Context) error {
	p := c.process.Swap(nil)
	if c.random.IntN(2) == 0 {
		p.kill()
		c.report.exit("killed")
	} else if err := c.terminate(p); err != nil {
		return err
	}
	if c.broken { // it would not start
		if err := c.writeConfiguration(c.now); err != nil {
			return err
		}
	}
	return c.start(ctx)
}

// terminate ends the process by SIGTERM.
func (c *chaos) terminate(p *process) error {
	took, err := p.stop(c.stopLimit)
	c.report.took("stop after SIGTERM", took)
	if err != nil {
		c.report.failure("stop", err.Error())
		c.report.exit("not with status 0, or too late")
	} else {
		c.report.exit("status 0 after SIGTERM")
	}
	return nil
}

// rotate gives an account another secret. For a moment the service or the exporter has
// the new one alone; sometimes the file is empty meanwhile.
func (c *chaos) rotate() error {
	a := c.accounts[c.random.IntN(len(c.accounts))]
	secret, path := newSecret(c.random), secretFile(c.directory, a)
	early := c.random.IntN(2) == 0
	if early {
		a.simulator.Rotate(a.sid, secret)
	}
	if c.random.IntN(3) == 0 {
		if err := os.Truncate(path, 0); err != nil {
			return err
		}
		c.report.event("secrets emptied")
		time.Sleep(time.Duration(c.random.Int64N(int64(c.pace / 4))))
	}
	ending := [...]string{"", "\n", "\r\n"}[c.random.IntN(3)]
	content := secret + ending
	if c.random.IntN(4) == 0 {
		content = "\ufeff" + content // as some editors write it
	}
	if c.random.IntN(2) == 0 {
		if err := replaceFile(path, content); err != nil {
			return err
		}
	} else if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	if !early {
		a.simulator.Rotate(a.sid, secret)
	}
	if a.provider == twiliotest.KORE && c.random.IntN(2) == 0 {
		a.simulator.RevokeTokens()
		c.report.event("tokens revoked")
	}
	c.report.event("secrets rotated")
	return nil
}

// changeInventory renames a SIM, switches it off or on, or adds one.
func (c *chaos) changeInventory() {
	a := c.accounts[c.random.IntN(len(c.accounts))]
	now := time.Now()
	if now.Sub(now.Truncate(time.Hour)) > 59*time.Minute || now.Sub(now.Truncate(time.Hour)) < time.Minute {
		return // the first hour with usage of a new SIM would not be certain
	}
	if !c.checker.hasSeen(a) {
		return // the simulator would take it for how it was from the beginning
	}
	list := a.truth.current()
	i := c.random.IntN(len(list))
	switch n := c.random.IntN(3); {
	case n == 0 && c.added[a] < 3:
		s := a.newSIM(c.options, 4+c.added[a])
		c.added[a]++
		a.truth.add(a.sid, s, now.UTC().Truncate(time.Hour).Add(time.Hour))
		list = append(list, s)
		c.report.event("SIMs added")
	case n == 1:
		list[i].UniqueName = fmt.Sprintf("device-%03d-%06x", a.index, c.random.IntN(1<<24))
		c.report.event("SIMs renamed")
	default:
		list[i].Status = map[string]string{"active": "inactive", "inactive": "active"}[list[i].Status]
		c.report.event("SIMs switched")
	}
	a.truth.set(list, now)
	a.simulator.SetSIMs(a.sid, list)
}

func (c *chaos) configFile() string { return filepath.Join(c.directory, "config.yml") }

func (c *chaos) writeConfiguration(n configuration) error {
	c.broken = false
	return replaceFile(c.configFile(), n.text(c.options, c.directory))
}

// reload changes the configuration, or does not, and has the exporter load it.
func (c *chaos) reload(ctx context.Context) error {
	p := c.running()
	if c.random.IntN(6) == 0 {
		return c.reloadBroken(ctx, p)
	}
	next, what := c.nextConfiguration()
	c.checker.begin(next)
	if err := c.writeConfiguration(next); err != nil {
		return err
	}
	c.now = next
	c.report.event("reloads of " + what)
	began := time.Now()
	if c.random.IntN(2) == 0 {
		if err := c.hangUp(ctx, p); err != nil {
			return err
		}
	} else if err := c.postUntilLoaded(ctx, p); err != nil {
		return err
	}
	c.checker.settle()
	c.report.took("reload", time.Since(began))
	return nil
}

// post asks for a reload, and returns the response's status and text. The status is 0
// if there is none.
func (c *chaos) post(ctx context.Context, p *process) (status int, text string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/-/reload", http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	response, err := c.client.Do(request)
	if err == nil {
		defer response.Body.Close()
		var body []byte
		if body, err = io.ReadAll(response.Body); err == nil {
			if what := secretIn(string(body)); what != "" {
				c.report.failure("secret", fmt.Sprintf("%s in the response to a reload: %q", what, body))
			}
			return response.StatusCode, string(body)
		}
	}
	if ctx.Err() == nil {
		c.report.event("reloads without a response")
	}
	return 0, err.Error()
}

// postUntilLoaded asks for reloads of a valid configuration until one is answered. Each
// response has a deadline, which a busy machine misses.
func (c *chaos) postUntilLoaded(ctx context.Context, p *process) error {
	for began := time.Now(); ; {
		status, text := c.post(ctx, p)
		switch {
		case status == http.StatusOK:
			return nil
		case status != 0:
			c.report.failure("reload", fmt.Sprintf("status %d to a valid configuration: %s", status, text))
			return nil
		}
		if err := errors.Join(p.alive(), ctx.Err()); err != nil {
			return err
		}
		if time.Since(began) > patience {
			return fmt.Errorf("no reload %s after the first POST: %s\n%s", patience, text, p.log.tail())
		}
		sleep(ctx, time.Second)
	}
}

// hangUp has the exporter reload by SIGHUP, and waits until it has.
func (c *chaos) hangUp(ctx context.Context, p *process) error {
	c.reloading.Lock() // so that no other reload is logged
	defer c.reloading.Unlock()
	const loaded = "configuration reloaded"
	before := p.log.count(loaded)
	if err := p.command.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	for began := time.Now(); p.log.count(loaded) == before; {
		if err := errors.Join(p.alive(), ctx.Err()); err != nil {
			return err
		}
		if time.Since(began) > patience {
			return fmt.Errorf("no reload %s after SIGHUP\n%s", patience, p.log.tail())
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// reloadBroken writes a configuration with a fault, which must not be taken.
func (c *chaos) reloadBroken(ctx context.Context, p *process) error {
	text := c.now.text(c.options, c.directory)
	text = []string{
		text + "unknown_key: 1\n", text[:len(text)/2] + "\n  - {", text + "accounts: []\n", "", text + "max_age: 1s\n", "\x00" + text,
	}[c.random.IntN(6)]
	if err := replaceFile(c.configFile(), text); err != nil {
		return err
	}
	c.broken = true
	c.report.event("reloads of faults")
	if status, response := c.post(ctx, p); status != 0 && status != http.StatusInternalServerError {
		c.report.failure("reload", fmt.Sprintf("status %d to a configuration with a fault: %s", status, response))
	}
	if c.random.IntN(2) == 0 {
		return nil // it stays
	}
	return c.writeConfiguration(c.now)
}

// nextConfiguration changes the one that is in force, and says how.
func (c *chaos) nextConfiguration() (configuration, string) {
	next := c.now
	next.accounts, next.order = maps.Clone(c.now.accounts), slices.Clone(c.now.order)
	switch c.random.IntN(5) {
	case 0:
		return next, "the same"
	case 1:
		next.interval = c.interval * time.Duration(5+c.random.IntN(3)) / 5 // max_age allows half as much again
		return next, "another interval"
	case 2:
		next.retries = 1 + c.random.IntN(3)
		return next, "other retries"
	case 3: // two accounts of one provider and simulator exchange their names
		one := next.order[c.random.IntN(len(next.order))]
		a := next.accounts[one]
		others := slices.DeleteFunc(slices.Clone(next.order), func(name string) bool {
			b := next.accounts[name]
			return a == b || a.simulator != b.simulator || a.provider != b.provider
		})
		if len(others) == 0 {
			return next, "the same"
		}
		other := others[c.random.IntN(len(others))]
		next.accounts[one], next.accounts[other] = next.accounts[other], a
		return next, "exchanged names"
	}
	if len(next.order) < len(c.accounts) {
		return everything(c.options, c.accounts), "all accounts"
	}
	for range 1 + c.random.IntN(max(1, len(c.accounts)/10)) {
		i := c.random.IntN(len(next.order))
		delete(next.accounts, next.order[i])
		next.order = slices.Delete(next.order, i, i+1)
	}
	return next, "fewer accounts"
}

// calm lets a measurement be made that no hostile client influences.
func (c *chaos) calm(ctx context.Context) {
	if !sleep(ctx, settled) {
		return
	}
	c.calmUntil.Store(time.Now().Add(c.scrapes).UnixNano())
	sleep(ctx, c.scrapes)
	c.calmUntil.Store(0)
}

// measure notes what the process uses, if it is calm.
func (c *chaos) measure(s *scrape) {
	if s.end.UnixNano() > c.calmUntil.Load() {
		return
	}
	u := usedResources{generation: s.generation, at: s.begin}
	for _, x := range s.samples {
		switch x.name {
		case "process_resident_memory_bytes":
			u.resident = x.value
		case "go_memstats_heap_alloc_bytes":
			u.heap = x.value
		case "go_goroutines":
			u.goroutines = x.value
		case "process_open_fds":
			u.handles = x.value
		}
	}
	c.report.used(u)
}

// recover ends all faults and waits until every poll succeeds and everything is there.
func (c *chaos) recover(ctx context.Context) error {
	c.weather.clear()
	next := everything(c.options, c.accounts)
	c.checker.begin(next)
	if err := c.writeConfiguration(next); err != nil {
		return err
	}
	p := c.running()
	if err := c.postUntilLoaded(ctx, p); err != nil {
		return err
	}
	c.checker.settle()
	began := time.Now()
	var missing string
	for time.Since(began) < patience+3*c.maxAge() {
		s, err := c.get(ctx, p, formats()[0], true)
		if err == nil {
			found := c.checker.check(s)
			if missing = c.missing(s, found, began); missing == "" {
				c.report.took("recovery", time.Since(began))
				return nil
			}
		}
		if err := errors.Join(p.alive(), ctx.Err()); err != nil {
			return err
		}
		sleep(ctx, time.Second)
	}
	c.report.failure("recovery", fmt.Sprintf("%s after the last fault: %s\n%s", time.Since(began).Round(time.Second), missing, p.log.tail()))
	return nil
}

// missing says what a scrape does not have although there is no fault any more; ""
// if it has everything.
func (c *chaos) missing(s *scrape, found map[*account]map[key]bool, since time.Time) string {
	polled := make(map[string]int)
	for _, x := range s.samples {
		switch {
		case x.name == lastSuccess && x.value > float64(since.UnixMilli())/1000:
			polled[x.labels.Get("account")]++
		case x.name == "twilio_exporter_poll_success" && x.value != 1:
			return fmt.Sprintf("the last poll of %s failed", x.labels)
		}
	}
	month := monthStart(time.Now())
	for _, a := range c.accounts {
		if want := map[twiliotest.Provider]int{twiliotest.Twilio: 4, twiliotest.KORE: 2}[a.provider]; polled[a.name] < want {
			return fmt.Sprintf("%d instead of %d collectors of account %s have polled", polled[a.name], want, a.name)
		}
		if a.role == arbitrary || turning(s.begin, s.end) {
			continue
		}
		for k, x := range a.truth.between(month, month.AddDate(0, 1, 0)) {
			if x.sum(since.UnixNano()) > 0 && !found[a][k] {
				return fmt.Sprintf("account %s has no counter for %v", a.name, k)
			}
		}
	}
	return ""
}

// end stops the process in good order.
func (c *chaos) end() error { return c.terminate(c.process.Swap(nil)) }
