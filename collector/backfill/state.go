package backfill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/atomicfile"
	"github.com/twilio-exporter/twilio_exporter/collector/config"
)

// stateFile is where a run notes, beside the files that it writes, what it has finished.
const stateFile = "backfill.json"

// state is what a run has finished, and what it was asked for: only a run that asks for
// the same goes on with it.
type state struct {
	Version int        `json:"version"`
	Asked   time.Time  `json:"asked"` // when the first run began
	Request request    `json:"request"`
	Done    []finished `json:"done"`
	// Chunks are the first days of the chunks, by account and group.
	Chunks map[string][]string `json:"chunks"`

	directory string
	resumed   bool
}

type request struct {
	From       string           `json:"from"`
	To         string           `json:"to"`
	Resolution Resolution       `json:"resolution"`
	Groups     []string         `json:"groups"`
	Rollover   string           `json:"rollover"`
	Accounts   []requestAccount `json:"accounts"`
}

type requestAccount struct {
	Name      string        `json:"name"`
	Provider  string        `json:"provider"`
	SID       string        `json:"account_sid"`
	Groups    []string      `json:"groups"`
	Filter    config.Filter `json:"filter"`
	HourDelay string        `json:"hour_delay"`
	Usage     string        `json:"settle_usage"`
	Cost      string        `json:"settle_cost"`
}

// finished is a chunk whose files are complete.
type finished struct {
	Account string   `json:"account"`
	Group   string   `json:"group"`
	Start   string   `json:"start"`
	Files   []string `json:"files"`
	// Used are the keys with usage in the last month before the chunk's end that was
	// written to its end, where no inventory lists them.
	Used []string `json:"used,omitempty"`
}

func requestOf(o *Options) request {
	r := request{
		From: o.From.Format(time.DateOnly), To: o.To.Format(time.DateOnly), Resolution: o.Resolution,
		Groups: append([]string{}, o.Groups...), Rollover: o.Rollover.String(),
	}
	for _, a := range o.Accounts {
		u := a.Collectors.SuperSIMUsage
		r.Accounts = append(r.Accounts, requestAccount{
			a.Name, string(a.Provider), a.AccountSID, append([]string{}, u.Groups...), u.Filter,
			u.HourDelay.String(), u.Settle.Usage.String(), u.Settle.Cost.String(),
		})
	}
	return r
}

// openState reads what an earlier run has finished, if it is to be gone on with. A
// directory that has files already is not written to otherwise.
func openState(o *Options) (*state, error) {
	s := &state{Version: 1, Asked: o.Now().UTC(), Request: requestOf(o), Chunks: make(map[string][]string), directory: o.Output}
	content, err := os.ReadFile(filepath.Join(o.Output, stateFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		files, _ := fs.Glob(os.DirFS(o.Output), "*.om")
		if len(files) > 0 {
			return nil, fmt.Errorf("%s has *.om files already; choose another --output", o.Output)
		}
		return s, nil // nothing was finished, so there is nothing to go on with
	case err != nil:
		return nil, err
	case !o.Resume:
		return nil, fmt.Errorf("%s has the files of an earlier run; --resume goes on with it, another --output begins anew", o.Output)
	}
	var before state
	if err := json.Unmarshal(content, &before); err != nil || before.Version != s.Version {
		return nil, fmt.Errorf("%s cannot be read; choose another --output", filepath.Join(o.Output, stateFile))
	}
	have, _ := json.Marshal(before.Request)
	want, _ := json.Marshal(s.Request)
	if !bytes.Equal(have, want) {
		return nil, fmt.Errorf("%s was begun with other dates, groups, accounts or settings: %s; now they are %s", o.Output, have, want)
	}
	before.directory, before.resumed = o.Output, true
	if before.Chunks == nil {
		before.Chunks = make(map[string][]string)
	}
	return &before, nil
}

// chunks are those of a group: as the first run has cut them, whatever the inventory
// says now.
func (s *state) chunks(g *group) (all []span) {
	name := g.account.Name + "/" + g.dimension.Group
	if starts, ok := s.Chunks[name]; ok {
		for i, start := range starts {
			c := span{end: g.options.To}
			c.start, _ = time.Parse(time.DateOnly, start)
			if i+1 < len(starts) {
				c.end, _ = time.Parse(time.DateOnly, starts[i+1])
			}
			all = append(all, c)
		}
		return all
	}
	all = g.chunksOf()
	for _, c := range all {
		s.Chunks[name] = append(s.Chunks[name], c.start.Format(time.DateOnly))
	}
	return all
}

func (s *state) find(g *group, start time.Time) *finished {
	for i := range s.Done {
		d := &s.Done[i]
		if d.Account == g.account.Name && d.Group == g.dimension.Group && d.Start == start.Format(time.DateOnly) {
			return d
		}
	}
	return nil
}

// has reports whether a chunk is finished.
func (s *state) has(g *group, c span) bool { return s.find(g, c.start) != nil }

// before are the keys that had usage in the month before a chunk, as far as the chunk
// before has told.
func (s *state) before(g *group, c span) []string {
	i := slices.Index(g.chunks, c)
	if i <= 0 {
		return nil
	}
	if d := s.find(g, g.chunks[i-1].start); d != nil {
		return d.Used
	}
	return nil
}

// begin makes the directory and notes what was asked for.
func (s *state) begin() error {
	if err := prepare(s.directory); err != nil {
		return err
	}
	return s.save()
}

// add notes that a chunk is finished.
func (s *state) add(g *group, c span, files []string) error {
	d := finished{Account: g.account.Name, Group: g.dimension.Group, Start: c.start.Format(time.DateOnly)}
	for _, file := range files {
		d.Files = append(d.Files, filepath.Base(file))
	}
	if g.dimension.KeysFromUsage() {
		d.Used = g.counters.beforeKeys()
	}
	s.Done = append(s.Done, d)
	return s.save()
}

func (s *state) save() error {
	content, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	name := filepath.Join(s.directory, stateFile)
	file, err := atomicfile.Create(name)
	if err != nil {
		return err
	}
	defer file.Discard()
	if _, err := file.Write(append(content, '\n')); err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return file.Commit()
}
