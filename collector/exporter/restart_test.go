package exporter_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/storage"
	"github.com/twilio-exporter/twilio_exporter/twilio/twiliotest"
)

// stored is configuration with a folder for states.
func stored(yaml, folder string) string { return yaml + "\nstorage: {path: " + folder + "}\n" }

// restarting runs a test of restarts: an exporter with storage that polled the hand-made
// world at 12:02, at 12:04.
func restarting(t *testing.T, yaml string, f func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string)) {
	t.Helper()
	yaml = stored(yaml, t.TempDir())
	reloading(t, yaml, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator) { f(t, p, simulators, yaml) })
}

// unreachable makes all requests fail.
func unreachable(simulators map[string]*twiliotest.Simulator) {
	for _, s := range simulators {
		s.Inject(twiliotest.Fault{Kind: twiliotest.Reset})
	}
}

// slow makes all requests succeed, but not at once.
func slow(simulators map[string]*twiliotest.Simulator) {
	reachable(simulators)
	for _, s := range simulators {
		s.Inject(twiliotest.Fault{Kind: twiliotest.Slow, Delay: time.Millisecond})
	}
}

func reachable(simulators map[string]*twiliotest.Simulator) {
	for _, s := range simulators {
		s.ClearFaults()
	}
}

// stateFiles are the states in the folder of a configuration, by name of the account.
func stateFiles(t *testing.T, yaml string) map[string]string {
	t.Helper()
	cfg := parse(t, yaml)
	files := make(map[string]string)
	for _, a := range cfg.Accounts() {
		files[a.Name] = filepath.Join(string(cfg.Storage().Path), storage.Name(a.Identity())+".state")
	}
	return files
}

const withDataLimits = bothAccounts + `
collectors:
  supersim_usage: {interval: 5m, groups: [account, sim, fleet, network, country, sim_network]}
  supersim_inventory: {interval: 5m}
  account_usage: {interval: 5m}
  account_balance: {interval: 5m}
  supersim_data_limits: {enabled: true, interval: 5m, watch_from: 0.000001}
api: {timeout: 2s, max_retries: 2}
`

// TestRestart: the results of all collectors are there again at once, however the
// process has ended, until they are too old. Their age is told as it is.
func TestRestart(t *testing.T) {
	for name, end := range map[string]func(*process){"stopped": (*process).stop, "killed": (*process).kill} {
		t.Run(name, func(t *testing.T) {
			restarting(t, withDataLimits, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
				good, all := p.results(), p.gather()
				unreachable(simulators)
				end(p)
				until(t, "2004-03-15 14:00:00")
				p = launch(t, yaml, simulators)
				defer p.stop()
				if !p.exporter.Ready() {
					t.Error("it is not ready")
				}
				p.wantChanged(good, nil)
				for series, v := range all {
					if strings.HasPrefix(series, "twilio_exporter_poll_last_success_timestamp_seconds") || strings.HasPrefix(series, "twilio_exporter_poll_records") ||
						strings.HasPrefix(series, "twilio_supersim_fleet_sims") || strings.HasPrefix(series, "twilio_supersim_unattributed_") {
						p.want(map[string]float64{series: v})
					}
				}
				until(t, "2004-03-15 15:01:59")
				p.wantChanged(good, nil)
				p.want(map[string]float64{pollSeries("twilio_exporter_poll_success", "a", "supersim_usage"): 0})
				until(t, "2004-03-15 15:03:00")
				if len(p.results()) > 3 { // twilio_account_info stays
					t.Errorf("results are exposed that are older than max_age: %v", p.results())
				}
				p.stop()
				slow(simulators)                // so that no poll ends before the results are looked at
				p = launch(t, yaml, simulators) // with results that are too old
				if p.exporter.Ready() || len(p.results()) > 3 {
					t.Errorf("results that are too old are exposed: %v", p.results())
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if !p.exporter.Ready() || len(p.results()) < len(good) {
					t.Error("no results after the first poll")
				}
				defer p.stop()
			})
		})
	}
}

// TestRowsAreWrittenIfTheyChanged: polls that find nothing new write the small head of a
// state alone, which tells when they were.
func TestRowsAreWrittenIfTheyChanged(t *testing.T) {
	restarting(t, withDataLimits, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
		files := stateFiles(t, yaml)
		read := func() string {
			t.Helper()
			content, err := os.ReadFile(files["a"])
			if err != nil {
				t.Fatal(err)
			}
			return string(content)
		}
		until(t, "2004-03-15 12:08:00") // all collectors have polled twice
		rows := read()
		until(t, "2004-03-15 12:58:00")
		if read() != rows {
			t.Error("rows were written that had not changed")
		}
		head, err := os.Stat(strings.TrimSuffix(files["a"], ".state") + ".head")
		if err != nil {
			t.Fatal(err)
		}
		if head.Size() > 16<<10 {
			t.Errorf("a head has %d bytes", head.Size())
		}
		times := p.gather()
		p.kill()
		unreachable(simulators)
		p = launch(t, yaml, simulators)
		for series, v := range times {
			if strings.HasPrefix(series, "twilio_exporter_poll_last_success_timestamp_seconds") {
				p.want(map[string]float64{series: v})
			}
		}
		reachable(simulators)
		until(t, "2004-03-15 13:08:00") // another hour has closed
		if read() == rows {
			t.Error("rows that changed were not written")
		}
		p.stop()
	})
}

// TestRestartWithAnotherGroup: of a group that no process has read, nothing is exposed.
func TestRestartWithAnotherGroup(t *testing.T) {
	few := strings.Replace(bothAccounts+often, "supersim_usage: {", "supersim_usage: {groups: [account, sim], ", 1)
	restarting(t, few, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
		end := func(group string) string {
			return `twilio_supersim_hour_end_timestamp_seconds{account="a",group="` + group + `"}`
		}
		hour := float64(date("2004-03-15 11:00").Unix())
		p.want(map[string]float64{end("account"): hour, end("sim"): hour, end("fleet"): math.NaN()})
		unreachable(simulators)
		p.stop()
		p = launch(t, strings.Replace(yaml, "groups: [account, sim]", "groups: [account, fleet]", 1), simulators)
		defer p.stop()
		p.want(map[string]float64{end("account"): hour, end("sim"): math.NaN(), end("fleet"): math.NaN()})
	})
}

// TestRowsOfSilentSIMs: where nothing is used, the hours that pass change no rows.
func TestRowsOfSilentSIMs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-15 02:30:00")
		yaml := stored("accounts:"+twilioAccount+only("supersim_usage: {interval: 15m}", "supersim_inventory: {}"), t.TempDir())
		file := stateFiles(t, yaml)["a"]
		p := launch(t, yaml, usedBy(byTable(nil)))
		defer p.stop()
		until(t, "2004-03-16 04:30:00") // the status page knows a day
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "2004-03-16 09:30:00")
		if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
			t.Errorf("rows that had not changed were written: %v", err)
		}
	})
}

// TestRestartHeldValues: a counter does not fall because of a restart, unless it counts
// something else.
func TestRestartHeldValues(t *testing.T) {
	restarting(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
		const (
			one = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`
			two = `twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim2 + `"}`
			sms = `twilio_account_usage_total{account="a",account_sid="` + sidA + `",category="sms",unit="segments"}`
		)
		simulators["a"].Inject(twiliotest.Fault{Kind: twiliotest.ShrinkTotals})
		until(t, "2004-03-15 12:08:00")
		held := map[string]float64{one: 1033, two: 7, sms: 40}
		p.want(held)
		for _, at := range []string{"12:11:00", "12:13:00"} {
			p.kill()
			p = launch(t, yaml, simulators)
			p.want(held)
			until(t, "2004-03-15 "+at)
			p.want(held)
		}
		p.want(map[string]float64{pollSeries("twilio_exporter_usage_decreases_total", "a", "supersim_usage"): 0}) // which was told
		p.stop()
		p = launch(t, strings.Replace(yaml, "supersim_usage: {", "supersim_usage: {filter: {sim: truck-1}, ", 1), simulators)
		until(t, "2004-03-15 12:15:00")
		p.want(map[string]float64{one: 929, two: math.NaN(), sms: 40})
		p.stop()
		p = launch(t, strings.Replace(yaml, "account_usage: {", "account_usage: {include_subaccounts: false, ", 1), simulators)
		until(t, "2004-03-15 12:17:00")
		p.want(map[string]float64{one: 929, two: 6, sms: 36})
		p.stop()
	})
}

// TestRestartSecrets: a state has no secrets, and ICCIDs only if they are exposed.
func TestRestartSecrets(t *testing.T) {
	secrets := []string{"token-a", "secret-b", "client-b"}
	const iccid = "8988307000000000001"
	restarting(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
		contents := func() string {
			t.Helper()
			var all string
			for _, file := range stateFiles(t, yaml) {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("%s: %v, %v", file, info.Mode(), err)
				}
				all += string(content)
			}
			for _, secret := range secrets {
				if strings.Contains(all, secret) {
					t.Errorf("the states contain %q", secret)
				}
			}
			return all
		}
		if all := contents(); strings.Contains(all, iccid) || !strings.Contains(all, sim1) {
			t.Error("want SIDs and no ICCIDs in the states")
		}
		info := func(labels string) string {
			return `twilio_supersim_sim_info{account="a",fleet_sid="` + fleet1 + `",` + labels + `sim_sid="` + sim1 + `",status="active",unique_name="truck-1"}`
		}
		p.want(map[string]float64{info(""): 1})
		p.stop()
		withICCID := strings.Replace(yaml, "supersim_inventory: {", "supersim_inventory: {iccid: true, ", 1)
		p = launch(t, withICCID, simulators)
		until(t, "2004-03-15 12:05:00")
		p.want(map[string]float64{info(`iccid="` + iccid + `",`): 1})
		if !strings.Contains(contents(), iccid) {
			t.Error("want ICCIDs in the states")
		}
		unreachable(simulators)
		p.stop()
		p = launch(t, withICCID, simulators)
		p.want(map[string]float64{info(`iccid="` + iccid + `",`): 1})
		p.stop()
		p = launch(t, yaml, simulators)
		if strings.Contains(p.scrape(), iccid) {
			t.Error("ICCIDs are exposed although they are off")
		}
		p.stop()
	})
}

// TestRestartFirstAppearance: what is new shows 0 for as long as without a restart, and
// then its value.
func TestRestartFirstAppearance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-03-15 12:30:00")
		simulators := usedBy(byTable(map[string][]twiliotest.Segment{
			at(sim1, "2004-03-15 10:00"): {{NetworkSID: network1, Upload: 1000, MicroCost: 5}},
			at(sim1, "2004-03-15 12:00"): {{NetworkSID: network2, Upload: 20, MicroCost: 5}},
		}))
		yaml := stored("accounts:"+twilioAccount+only("supersim_usage: {interval: 5m}", "supersim_inventory: {}"), t.TempDir())
		const first, second = `twilio_supersim_network_upload_bytes_total{account="a",network_sid="` + network1 + `"}`, `twilio_supersim_network_upload_bytes_total{account="a",network_sid="` + network2 + `"}`
		p := launch(t, yaml, simulators)
		until(t, "2004-03-15 12:59:00")
		p.want(map[string]float64{first: 1000, second: math.NaN()})
		until(t, "2004-03-15 13:01:00")
		p.want(map[string]float64{first: 1000, second: 0})
		p.kill()
		until(t, "2004-03-15 13:10:00")
		p = launch(t, yaml, simulators)
		p.want(map[string]float64{first: 1000, second: 0})
		until(t, "2004-03-15 13:24:59")
		p.want(map[string]float64{first: 1000, second: 0})
		until(t, "2004-03-15 13:26:00")
		p.want(map[string]float64{first: 1000, second: 20})
		p.kill()
		// What appears while no process runs is new, too.
		unreachable(simulators)
		p = launch(t, yaml, simulators)
		p.want(map[string]float64{first: 1000, second: 20})
		p.stop()
	})
}

// usedBy is a Twilio account whose SIMs are those of the hand-made world, and use what a
// function says.
func usedBy(usage func(twiliotest.SIM, time.Time) []twiliotest.Segment) map[string]*twiliotest.Simulator {
	return map[string]*twiliotest.Simulator{"a": twiliotest.New(twiliotest.Options{Accounts: []twiliotest.Account{{
		SID: sidA, AuthToken: "token-a", Start: date("2004-01-01 00:00"), Usage: usage,
		FleetList:   []twiliotest.Fleet{{SID: fleet1}},
		SIMList:     []twiliotest.SIM{{SID: sim1, FleetSID: fleet1}, {SID: sim2, FleetSID: fleet1}},
		NetworkList: []twiliotest.Network{{SID: network1, ISOCountry: "US"}, {SID: network2, ISOCountry: "DE"}},
	}}})}
}

// TestRestartMonthThatCannotBeLeft: the API cannot be read from before the month's end
// until long after it, and the process is restarted meanwhile. What the month came to is
// counted, and when it was left is still known after another restart.
func TestRestartMonthThatCannotBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		until(t, "2004-02-29 20:30:00")
		simulators := usedBy(func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
			if sim.SID != sim1 {
				return nil
			}
			return []twiliotest.Segment{{NetworkSID: network1, Upload: 1, MicroCost: 1}}
		})
		yaml := stored("accounts:"+twilioAccount+only("supersim_usage: {interval: 5m}", "supersim_inventory: {}"), t.TempDir())
		const total = `twilio_supersim_account_upload_bytes_total{account="a",account_sid="` + sidA + `"}`
		const february, toEight = 29 * 24, 28*24 + 20
		p := launch(t, yaml, simulators)
		until(t, "2004-02-29 20:59:00")
		p.want(map[string]float64{total: toEight})
		unreachable(simulators)
		for _, at := range []string{"2004-02-29 22:00:00", "2004-03-01 01:59:00", "2004-03-01 02:10:00", "2004-03-01 09:00:00"} {
			until(t, at)
			p.kill()
			p = launch(t, yaml, simulators)
		}
		reachable(simulators)
		until(t, "2004-03-01 09:00:30")
		p.want(map[string]float64{total: february})
		until(t, "2004-03-01 09:13:00")
		p.want(map[string]float64{total: february})
		until(t, "2004-03-01 09:14:00")
		p.want(map[string]float64{total: 0})
		created := p.created("twilio_supersim_account_upload_bytes_total")
		if !created.After(date("2004-03-01 09:13")) || created.After(date("2004-03-01 09:14")) {
			t.Errorf("created at %s", created)
		}
		until(t, "2004-03-01 09:40:00")
		p.want(map[string]float64{total: 9})
		p.stop()
		// A longer settle does not show the month again that was left.
		p = launch(t, strings.Replace(yaml, "supersim_usage: {", "supersim_usage: {settle: {usage: 12h}, ", 1), simulators)
		until(t, "2004-03-01 09:50:00")
		p.want(map[string]float64{total: 9})
		if have := p.created("twilio_supersim_account_upload_bytes_total"); !have.Equal(created) {
			t.Errorf("created at %s, and after a restart at %s", created, have)
		}
		p.stop()
	})
}

// TestInvalidStates: a state that cannot be read is set aside and said once, and the
// account starts without; others are not concerned.
func TestInvalidStates(t *testing.T) {
	for name, spoil := range map[string]func(file, other []byte) []byte{
		"it is empty":                          func(_, _ []byte) []byte { return nil },
		"bytes after the first line":           func(file, _ []byte) []byte { return file[:len(file)/2] },
		"it is of another account":             func(_, other []byte) []byte { return other },
		"it is not a state of twilio_exporter": func(_, _ []byte) []byte { return []byte("hello\n") },
		"its checksum is wrong":                func(file, _ []byte) []byte { file[len(file)-1] ^= 1; return file },
	} {
		t.Run(name, func(t *testing.T) {
			restarting(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
				good := p.results()
				p.stop()
				files := stateFiles(t, yaml)
				file, err := os.ReadFile(files["a"])
				other, otherErr := os.ReadFile(files["b"])
				if err := errors.Join(err, otherErr, os.WriteFile(files["a"], spoil(file, other), 0o600)); err != nil {
					t.Fatal(err)
				}
				unreachable(simulators)
				p = launch(t, yaml, simulators)
				for series, v := range p.results() {
					if strings.Contains(series, `account="b"`) && v != good[series] {
						t.Errorf("%s: want %v, have %v", series, good[series], v)
					}
				}
				p.want(map[string]float64{`twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`: math.NaN()})
				if lines := p.logged("error"); len(lines) != 1 || !strings.Contains(lines[0], name) || !strings.Contains(lines[0], files["a"]) {
					t.Errorf("have %q", lines)
				}
				if aside, err := filepath.Glob(filepath.Join(filepath.Dir(files["a"]), "*.unreadable")); err != nil || len(aside) != 1 {
					t.Errorf("set aside: %v, %v", aside, err)
				}
				p.stop()
				reachable(simulators)
				p = launch(t, yaml, simulators)
				time.Sleep(time.Minute)
				synctest.Wait()
				p.wantChanged(good, nil)
				if lines := p.logged("error"); len(lines) > 0 {
					t.Errorf("have %q", lines)
				}
				p.stop()
			})
		})
	}
}

// TestDiskFails: a disk that cannot be written to costs no results. It is said once,
// shows in a metric, and what was written before is not taken for the state any more.
func TestDiskFails(t *testing.T) {
	for _, failure := range []error{syscall.ENOSPC, syscall.EIO} {
		t.Run(failure.Error(), func(t *testing.T) {
			restarting(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
				good := p.results()
				successful := func(v float64) map[string]float64 {
					return map[string]float64{
						`twilio_exporter_storage_last_write_successful{account="a"}`: v,
						`twilio_exporter_storage_last_write_successful{account="b"}`: v,
					}
				}
				p.want(successful(1))
				p.want(map[string]float64{`twilio_exporter_storage_last_write_timestamp_seconds{account="a"}`: float64(date("2004-03-15 12:02").UnixMilli()+300) / 1000})
				// A full disk lets files be removed.
				p.disk.fail(failure, failure == syscall.ENOSPC)
				until(t, "2004-03-15 12:14:00")
				p.want(successful(0))
				p.wantChanged(good, nil)
				if lines := p.logged("error"); len(lines) != 1 || !strings.Contains(lines[0], failure.Error()) {
					t.Errorf("have %q", lines)
				}
				if failure == syscall.ENOSPC {
					unreachable(simulators)
					p.kill()
					p = launch(t, yaml, simulators)
					p.want(map[string]float64{`twilio_supersim_sim_upload_bytes_total{account="a",sim_sid="` + sim1 + `"}`: math.NaN()})
					reachable(simulators)
				} else {
					p.disk.fail(nil, false)
				}
				until(t, "2004-03-15 12:24:00")
				p.want(successful(1))
				p.wantChanged(good, nil)
				if failure != syscall.ENOSPC && !strings.Contains(p.log.String(), "the states of all accounts are written again") {
					t.Errorf("have %s", p.log)
				}
				p.stop()
			})
		})
	}
}

// TestUnusableFolder: a folder that cannot be written to from the start on costs the
// states alone, until it can be.
func TestUnusableFolder(t *testing.T) {
	restarting(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
		good := p.results()
		p.stop()
		broken := newDisk()
		broken.fail(syscall.EROFS, false)
		p = launchOn(t, yaml, simulators, broken)
		if p.exporter.Ready() {
			t.Error("a state was restored that cannot be known to be the last one")
		}
		until(t, "2004-03-15 12:06:00")
		p.wantChanged(good, nil)
		p.want(map[string]float64{`twilio_exporter_storage_last_write_successful{account="a"}`: 0})
		if lines := p.logged("error"); len(lines) != 1 || !strings.Contains(lines[0], syscall.EROFS.Error()) {
			t.Errorf("have %q", lines)
		}
		broken.fail(nil, false)
		until(t, "2004-03-15 12:12:00")
		p.want(map[string]float64{`twilio_exporter_storage_last_write_successful{account="a"}`: 1})
		p.stop()
	})
}

// TestFolderInUse: a second process is refused, and the first one is not disturbed.
func TestFolderInUse(t *testing.T) {
	restarting(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
		second, err := tryLaunch(t, yaml, simulators, newDisk())
		if err == nil || !strings.Contains(err.Error(), "storage.path: ") || !strings.Contains(err.Error(), storage.ErrLocked.Error()) {
			t.Errorf("have %v", err)
		}
		second.stop()
		p.stop()
		second = launch(t, yaml, simulators)
		second.stop()
	})
}

// TestReloadStorage: the folder can be changed by a reload. What an old one has is out of
// date from then on.
func TestReloadStorage(t *testing.T) {
	restarting(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
		good := p.results()
		another := stored(bothAccounts+often, t.TempDir())
		p.reload(another)
		for name, file := range stateFiles(t, yaml) {
			if _, err := os.Stat(file); err == nil {
				t.Errorf("the old folder still has the state of %s", name)
			}
			if _, err := os.Stat(stateFiles(t, another)[name]); err != nil {
				t.Error(err)
			}
		}
		unreachable(simulators)
		p.kill()
		p = launch(t, another, simulators)
		p.wantChanged(good, nil)
		p.reload(bothAccounts + often)
		for _, file := range stateFiles(t, another) {
			if _, err := os.Stat(file); err == nil {
				t.Error("a state is left although none are written any more")
			}
		}
		p.stop()
	})
}

// TestReloadRestores: an account that comes with a reload continues where it went.
func TestReloadRestores(t *testing.T) {
	restarting(t, bothAccounts+often, func(t *testing.T, p *process, simulators map[string]*twiliotest.Simulator, yaml string) {
		good := p.results()
		p.reload(strings.Replace(yaml, koreAccount, "", 1))
		unreachable(simulators)
		until(t, "2004-03-15 12:06:00")
		if len(holding(p.results(), `account="b"`)) > 0 {
			t.Error("the account is still there")
		}
		p.reload(yaml)
		p.wantChanged(good, nil)
		if !p.exporter.Ready() {
			t.Error("it is not ready")
		}
	})
}

// TestKilledAtEveryCall: a process is killed at each call to the file system, from an
// hour before a month is left until the new one is shown, and another one continues. As
// Prometheus sees them, the counters have increased by what was used.
func TestKilledAtEveryCall(t *testing.T) {
	every := 1
	if testing.Short() {
		every = 7
	}
	for kill, more := 1, true; more; kill += every {
		synctest.Test(t, func(t *testing.T) { more = killedAt(t, kill) })
	}
}

// killedAt runs until after a month's end, with a process that is killed at a call. It
// reports whether there was such a call.
func killedAt(t *testing.T, call int) (killed bool) {
	until(t, "2004-02-29 23:30:00")
	used := make(map[string]int64) // by network
	simulators := usedBy(func(sim twiliotest.SIM, hour time.Time) []twiliotest.Segment {
		if sim.SID != sim1 || hour.Before(date("2004-02-29 20:00")) || hour.After(date("2004-03-01 01:00")) {
			return nil
		}
		network := network1
		if hour.Hour() < 2 { // new at the end of the month, and in the new one
			network = network2
		}
		return []twiliotest.Segment{{NetworkSID: network, Upload: 100 + int64(hour.Hour()), MicroCost: 1}}
	})
	for _, hour := range []int64{20, 21, 22, 23} {
		used[network1] += 100 + hour
	}
	used[network2] = 100 + 101
	yaml := stored("accounts:"+twilioAccount+only("supersim_usage: {interval: 20m, groups: [account, network]}"), t.TempDir())
	found := &increases{make(map[string]float64), make(map[string]float64)}
	// What was used before the first sample.
	p := launch(t, yaml, simulators)
	found.sample(p.counters())
	first := make(map[string]float64)
	p.disk.killFrom(call)
	for end := date("2004-03-01 03:30"); time.Now().Before(end); {
		select {
		case <-p.disk.killed:
			found.sample(p.counters()) // the last that it showed
			p.cancel()
			p.disk.release()
			p.exporter.Wait()
			time.Sleep(time.Duration(rand.New(rand.NewPCG(uint64(call), 1)).Int64N(int64(10 * time.Minute))))
			unreachable(simulators) // so that what is restored is seen before it is polled again
			p = launch(t, yaml, simulators)
			synctest.Wait()
			found.sample(p.counters())
			reachable(simulators)
			killed = true
		case <-time.After(time.Minute):
		}
		synctest.Wait()
		found.sample(p.counters())
		if len(first) == 0 {
			first = maps.Clone(found.last)
		}
	}
	p.cancel()
	p.disk.release()
	p.exporter.Wait()
	total := `twilio_supersim_account_upload_bytes_total{account="a",account_sid="` + sidA + `"}`
	network := `twilio_supersim_network_upload_bytes_total{account="a",network_sid=%q}`
	for series, want := range map[string]int64{
		total: used[network1] + used[network2], fmt.Sprintf(network, network1): used[network1], fmt.Sprintf(network, network2): used[network2],
	} {
		if have := first[series] + found.sum[series]; have != float64(want) {
			t.Errorf("killed at call %d: %s: want %d, have %v", call, series, want, have)
		}
	}
	for _, series := range slices.Sorted(maps.Keys(found.sum)) {
		if _, ok := first[series]; !ok && strings.Contains(series, network1) {
			t.Errorf("killed at call %d: %s was not there at first", call, series)
		}
	}
	return killed
}
