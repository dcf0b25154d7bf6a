package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/bench/process"
	"github.com/twilio-exporter/twilio_exporter/collector/bench/simulator"
)

// api is the simulated API as the harness sees it.
type api struct{ *process.Process }

// turn makes every SIM that is not silent use more.
func (a *api) turn(ctx context.Context) error {
	_, err := post(ctx, a.Address, "/control/turn")
	return err
}

// delay sets how long a page takes.
func (a *api) delay(ctx context.Context, d time.Duration) error {
	_, err := post(ctx, a.Address, "/control/delay?d="+d.String())
	return err
}

// report tells what was asked since the last one.
func (a *api) report(ctx context.Context) (simulator.Report, error) {
	return a.read(post(ctx, a.Address, "/control/report"))
}

// look is report, but does not begin a new one.
func (a *api) look(ctx context.Context) (simulator.Report, error) {
	return a.read(get(ctx, a.Address, "/control/report"))
}

func (a *api) read(body []byte, err error) (simulator.Report, error) {
	var r simulator.Report
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err == nil && r.Refused > 0 {
		err = fmt.Errorf("the simulated API refused %d requests", r.Refused)
	}
	return r, err
}

func get(ctx context.Context, address, path string) ([]byte, error) {
	return ask(ctx, http.MethodGet, address, path)
}

func post(ctx context.Context, address, path string) ([]byte, error) {
	return ask(ctx, http.MethodPost, address, path)
}

func ask(ctx context.Context, method, address, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %.200s", method, path, response.Status, body)
	}
	return body, err
}
