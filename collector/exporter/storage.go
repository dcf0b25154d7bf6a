package exporter

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/collector"
	"github.com/twilio-exporter/twilio_exporter/collector/storage"
)

// An account's state is written before what is in it is exposed. So a process that is
// killed at any moment has exposed nothing that its file does not know, and the next one
// shows no counter lower than Prometheus has seen it.

const (
	// writeTimeout bounds how long results wait for their state to be written.
	writeTimeout = 5 * time.Second
	// parallelWrites is how many states are written at a time at the stop.
	parallelWrites = 8
	// keepStates is for how long the state of an account is kept that is not configured.
	// Older ones would not be taken.
	keepStates = 62 * 24 * time.Hour
)

// accountState begins the head of an account's state. It is followed by the heads of those
// of Collectors that have one. The rows are those of all Collectors, each followed by its
// hours if it has some.
type accountState struct {
	Identity   string
	Saved      time.Time   // until then at least, the results were exposed
	Sent       []time.Time // requests within the last hour, with a budget
	Collectors []collectorState
}

// collectorState is what is known of a collector, whatever it collects.
type collectorState struct {
	Name        string
	LastSuccess time.Time
	Records     int
	HasHead     bool
	HoursEnd    time.Time // of the hours of SIMs; zero: none
}

// savedState is the state of a task's collector as of its last results.
type savedState struct {
	collectorState
	state collector.State
	hours *hoursState // of the SIMs; nil: none
}

// stateFolder is the folder of all accounts' states.
type stateFolder struct {
	fs      storage.FS
	path    string
	logger  log.Logger
	metrics *metrics

	mu      sync.Mutex
	folder  *storage.Folder // nil while it cannot be used
	closed  bool
	failing map[string]bool // accounts whose last write failed, by name
}

// statesIn returns the folder at a path: the current one if it is the same. No path is
// none. One that another process uses is an error; one that cannot be written to costs
// no more than the states.
func (e *Exporter) statesIn(path string) (*stateFolder, error) {
	if current := e.states.Load(); path == "" || current != nil && current.path == path {
		if path == "" {
			return nil, nil
		}
		return current, nil
	}
	s := &stateFolder{
		fs: e.options.FS, path: path, metrics: e.metrics, failing: make(map[string]bool),
		logger: log.With(e.options.Logger, "path", path),
	}
	folder, err := s.open()
	switch {
	case errors.Is(err, storage.ErrLocked):
		return nil, fmt.Errorf("storage.path: %w", err)
	case err != nil:
		s.failing[""] = true // of no account, but it has been logged
		level.Error(s.logger).Log("msg", "cannot use storage.path: no state is restored, and the next start will have none either", "err", err)
		return s, nil
	}
	if removed, err := folder.Prune(time.Now().Add(-keepStates)); removed > 0 || err != nil {
		level.Info(s.logger).Log("msg", "removed states that were too old to be of use", "removed", removed, "err", err)
	}
	return s, nil
}

// restore lets the new accounts of a generation continue where they ended in another
// process. Accounts that have run without the folder do not, in this process or in
// another shard: what it has of them is out of date.
func (e *Exporter) restore(old, next generation, folderIsNew bool) {
	states := e.states.Load()
	if states == nil {
		return
	}
	for _, s := range e.elsewhere(next) {
		states.forget(s)
	}
	ran := make(map[string]bool)
	for _, a := range old {
		ran[a.identity] = true
	}
	for _, a := range next {
		if !ran[a.identity] {
			states.restore(a, time.Now().UTC())
		} else if folderIsNew {
			states.forget(a.settings)
		}
	}
}

// open returns the folder, nil if it is closed. If it could not be used before, it tries
// again.
func (s *stateFolder) open() (*storage.Folder, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder != nil || s.closed {
		return s.folder, nil
	}
	folder, err := storage.Open(s.fs, s.path)
	if err == nil {
		s.folder = folder
	}
	return folder, err
}

// close lets other processes use the folder.
func (s *stateFolder) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder != nil {
		_ = s.folder.Close()
	}
	s.folder, s.closed = nil, true
}

// retire removes the states of accounts from a folder that is no longer used: they
// would be out of date when it is used again.
func (s *stateFolder) retire(accounts generation) {
	if s == nil {
		return
	}
	for _, a := range accounts {
		s.forget(a.settings)
	}
	s.close()
}

// forget removes the state of an account.
func (s *stateFolder) forget(account settings) {
	folder, err := s.open()
	if folder == nil {
		return
	}
	if err == nil {
		err = folder.Forget(storage.Name(account.identity()))
	}
	if err != nil {
		level.Error(s.logger).Log("msg", "cannot remove the state of an account, which is out of date and must be deleted",
			"account", account.account.Name, "file", folder.Path(storage.Name(account.identity())), "err", err)
	}
}

// write writes the state of an account. If that fails, the state that is there is no
// longer what is exposed, so it must not be restored.
func (s *stateFolder) write(a *account) {
	states := a.savedStates()
	if len(states) == 0 {
		return
	}
	folder, err := s.open()
	if folder == nil && err == nil {
		return
	}
	var size int64
	if err == nil {
		var state storage.State
		now := time.Now().UTC()
		head := accountState{Identity: a.identity, Saved: now, Sent: a.requests.sent.Sent(now)}
		if state, err = encodeState(head, states, a.rowsSize); err == nil {
			a.rowsSize = len(state.Rows)
			size, err = folder.Write(storage.Name(a.identity), state)
		}
		if err != nil {
			if forgotten := folder.Forget(storage.Name(a.identity)); forgotten != nil {
				err = fmt.Errorf("%w; the state before stays, and must be deleted: %w", err, forgotten)
			}
		}
	}
	s.written(a.name, size, err)
}

// written shows the outcome of a write. It logs the first failure of any account, and
// that none fails any more.
func (s *stateFolder) written(account string, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	failing := len(s.failing)
	if err != nil {
		s.failing[account] = true
	} else {
		delete(s.failing, account)
		delete(s.failing, "")
	}
	switch {
	case err != nil && failing == 0:
		level.Error(s.logger).Log("msg", "cannot write the state of an account; the next start will be a cold one for it", "account", account, "err", err)
	case err == nil && failing > 0 && len(s.failing) == 0:
		level.Info(s.logger).Log("msg", "the states of all accounts are written again")
	}
	s.metrics.stateWritten(account, size, err)
}

// encodeState is the state of an account whose head begins with this one. Its rows are
// expected to have about as many bytes as sizeHint.
func encodeState(head accountState, states []*savedState, sizeHint int) (storage.State, error) {
	for _, s := range states {
		head.Collectors = append(head.Collectors, s.collectorState)
	}
	var heads, rows bytes.Buffer
	rows.Grow(sizeHint + sizeHint/8)
	headEncoder, rowsEncoder := gob.NewEncoder(&heads), gob.NewEncoder(&rows)
	err := headEncoder.Encode(head)
	for _, s := range states {
		if err == nil && s.HasHead {
			err = headEncoder.Encode(s.state.Head)
		}
		if err == nil {
			err = rowsEncoder.Encode(s.state.Rows)
		}
		if err == nil && !s.HoursEnd.IsZero() {
			err = rowsEncoder.Encode(s.hours)
		}
	}
	return storage.State{Head: heads.Bytes(), Rows: rows.Bytes()}, err
}

// savedStates are those of the collectors that have one.
func (a *account) savedStates() []*savedState {
	var states []*savedState
	for _, t := range a.tasks {
		if s := t.saved.Load(); s != nil {
			states = append(states, s)
		}
	}
	return states
}

// restore continues what the file of an account has, and exposes its results if they are
// not too old. It must come before the account's first poll.
func (s *stateFolder) restore(a *account, now time.Time) {
	folder, err := s.open()
	if err != nil { // which was logged
		s.metrics.stateWritten(a.name, 0, err)
		return
	}
	logger := log.With(s.logger, "account", a.name)
	name := storage.Name(a.identity)
	state, err := folder.Read(name)
	if err == nil {
		err = a.restore(state, now, logger)
	}
	invalid, isInvalid := errors.AsType[*storage.InvalidError](err)
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
	case isInvalid:
		aside, err := folder.SetAside(name)
		level.Error(logger).Log("msg", "the state of an account is not valid; it is set aside, and the account starts without",
			"file", folder.Path(name), "reason", invalid.Reason, "aside", aside, "err", err)
	default:
		level.Error(logger).Log("msg", "cannot read the state of an account; the account starts without", "file", folder.Path(name), "err", err)
	}
}

// restore continues the account's state.
func (a *account) restore(state storage.State, now time.Time, logger log.Logger) error {
	invalid := func(err error) error { return &storage.InvalidError{Reason: err.Error()} }
	heads, rows := gob.NewDecoder(bytes.NewReader(state.Head)), gob.NewDecoder(bytes.NewReader(state.Rows))
	var head accountState
	if err := heads.Decode(&head); err != nil {
		return invalid(err)
	}
	if head.Identity != a.identity {
		return &storage.InvalidError{Reason: "it is of another account"}
	}
	if a.requests.perHour > 0 {
		a.requests.sent.Restore(now, head.Sent)
	}
	tasks := make(map[string]*task)
	for _, t := range a.tasks {
		tasks[t.name] = t
	}
	for _, c := range head.Collectors {
		var read bool
		var unreadable error
		decode := func(s collector.State) error {
			read, unreadable = true, rows.Decode(s.Rows)
			if unreadable == nil && c.HasHead {
				unreadable = heads.Decode(s.Head)
			}
			return unreadable
		}
		var refused error
		if t := tasks[c.Name]; t != nil {
			refused = t.restore(c, decode, head.Saved, now)
		}
		if !read {
			_ = decode(collector.State{}) // skips it
		}
		if hours := new(hoursState); unreadable == nil && !c.HoursEnd.IsZero() {
			unreadable = rows.Decode(hours)
			if t := tasks[c.Name]; t != nil && t.saved.Load() != nil {
				t.continueHours(hours, c.HoursEnd)
			}
		}
		if unreadable != nil {
			return invalid(fmt.Errorf("%s: %w", c.Name, unreadable))
		}
		if refused != nil {
			level.Warn(logger).Log("msg", "the state of a collector is not taken; it starts without", "collector", c.Name, "reason", refused)
		}
	}
	return nil
}

// restore continues the state of the task's collector. Its results are exposed with
// showRestored.
func (t *task) restore(s collectorState, decode func(collector.State) error, since, now time.Time) error {
	stateful, ok := t.collector.(collector.Stateful)
	if !ok {
		return nil
	}
	result, err := stateful.Restore(decode, since, now)
	if err != nil {
		return err
	}
	t.keepState(s, nil)
	if t.saved.Load() != nil && result != nil && now.Sub(s.LastSuccess) <= t.account.settings.maxAge {
		t.restored = result
		t.outcome.Store(&Outcome{Ended: s.LastSuccess, Records: s.Records, LastSuccess: s.LastSuccess})
	}
	return nil
}

// showRestored exposes restored results.
func (t *task) showRestored() {
	if t.restored == nil {
		return
	}
	o := t.outcome.Load()
	t.show(t.restored.Batches, newShown(t.restored.Batches, o.LastSuccess, t.shown.Load()))
	t.metrics.restored(t.account.name, t.name, o)
	t.restored = nil
}

// keepState takes the collector's state of now as the one to write, and the hours of SIMs.
func (t *task) keepState(s collectorState, hours *simHours) {
	stateful, ok := t.collector.(collector.Stateful)
	if !ok {
		return
	}
	if state := stateful.State(); state.Rows != nil {
		saved := &savedState{s, state, hours.state()}
		saved.Name, saved.HasHead, saved.HoursEnd = t.name, state.Head != nil, time.Time{}
		if saved.hours != nil {
			saved.HoursEnd = hours.end
		}
		t.saved.Store(saved)
	}
}

// writeState writes the account's state, if states are written, with that of this task's
// collector as it is now, and with hours of SIMs. It waits until that is done, but not for
// long: a disk that hangs must not keep results back.
func (t *task) writeState(ctx context.Context, lastSuccess time.Time, records int, hours *simHours) {
	folder := t.states.Load()
	if folder == nil {
		return
	}
	t.keepState(collectorState{LastSuccess: lastSuccess.UTC(), Records: records}, hours)
	if !t.writing.CompareAndSwap(false, true) {
		return // the write before hangs
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.writing.Store(false)
		_ = t.account.write()
	}()
	timer := time.NewTimer(writeTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		folder.written(t.account.name, 0, errors.New("the disk does not respond"))
	case <-ctx.Done():
		// Stopping waits for the write, too.
		select {
		case <-done:
		case <-timer.C:
		}
	}
}

// writeAll writes the states of accounts, until the context ends.
func (s *stateFolder) writeAll(ctx context.Context, accounts generation) {
	if s == nil {
		return
	}
	var group errgroup.Group
	group.SetLimit(parallelWrites)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, a := range accounts {
			group.Go(func() error {
				if ctx.Err() == nil {
					_ = a.write()
				}
				return nil
			})
		}
		_ = group.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		level.Error(s.logger).Log("msg", "stopping without waiting any longer for states to be written")
	}
}
