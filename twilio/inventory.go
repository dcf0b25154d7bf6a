package twilio

import (
	"context"
	"iter"
	"math"
	"net/url"
	"strconv"
	"time"
)

// SimStatus is the status of a Super SIM. The API may report others than those
// that it documents.
type SimStatus string

// The statuses that the API documents.
//
// Source: Super SIM API, resource Sim, property status.
const (
	SimNew       SimStatus = "new"
	SimReady     SimStatus = "ready"
	SimActive    SimStatus = "active"
	SimInactive  SimStatus = "inactive"
	SimScheduled SimStatus = "scheduled" // waits for a change of status that was asked for
)

// CanSend reports whether a SIM of this status may cause usage.
func (s SimStatus) CanSend() bool { return s == SimReady || s == SimActive || s == SimScheduled }

// A Sim is a Super SIM.
type Sim struct {
	SID        string
	AccountSID string
	UniqueName string // "" if it has none
	ICCID      string // personal data
	Status     SimStatus
	FleetSID   string // "" if it is in none

	// DateUpdated is when a scheduled SIM was last changed, which is when it became
	// scheduled or later. It is zero if the API does not report it, and for SIMs of
	// other statuses, whose date is not read.
	DateUpdated time.Time
}

// Sims lists all SIMs of the account.
func (c *Client) Sims(ctx context.Context) iter.Seq2[Sim, error] {
	return inventory(ctx, c, EndpointSims, "/v1/Sims", func() wire[Sim] { return &wireSim{account: c.accountSID} })
}

type wireSim struct {
	account string // the one asked for; may be empty

	SID, AccountSID, UniqueName, ICCID, Status, FleetSID, DateUpdated scalar
}

func (w *wireSim) field(name []byte) value {
	switch string(name) {
	case "sid":
		return &w.SID
	case "account_sid":
		return &w.AccountSID
	case "unique_name":
		return &w.UniqueName
	case "iccid":
		return &w.ICCID
	case "status":
		return &w.Status
	case "fleet_sid":
		return &w.FleetSID
	case "date_updated":
		return &w.DateUpdated
	}
	return nil
}

func (w *wireSim) record() (Sim, error) {
	if err := requireSID(&w.SID, named{"account_sid", &w.AccountSID}, named{"unique_name", &w.UniqueName}, named{"iccid", &w.ICCID},
		named{"status", &w.Status}, named{"fleet_sid", &w.FleetSID}); err != nil {
		return Sim{}, err
	}
	if err := w.AccountSID.fitAccount(w.account); err != nil {
		return Sim{}, err
	}
	sim := Sim{
		SID: w.SID.text(), AccountSID: w.AccountSID.shared(), UniqueName: w.UniqueName.text(),
		ICCID: w.ICCID.text(), Status: SimStatus(w.Status.shared()), FleetSID: w.FleetSID.shared(),
	}
	if sim.Status == SimScheduled {
		updated, err := w.DateUpdated.time("date_updated", "a time in RFC 3339", time.RFC3339)
		if err != nil {
			return Sim{}, err
		}
		sim.DateUpdated = updated.V
	}
	return sim, nil
}

// A Fleet is a group of SIMs with common settings.
type Fleet struct {
	SID        string
	AccountSID string
	UniqueName string      // "" if it has none
	DataLimit  Null[int64] // bytes per SIM and billing period: the API's MB times 1,000,000
}

// Fleets lists all fleets of the account.
func (c *Client) Fleets(ctx context.Context) iter.Seq2[Fleet, error] {
	return inventory(ctx, c, EndpointFleets, "/v1/Fleets", func() wire[Fleet] { return &wireFleet{account: c.accountSID} })
}

type wireFleet struct {
	account string // the one asked for; may be empty

	SID, AccountSID, UniqueName, DataLimit scalar
}

func (w *wireFleet) field(name []byte) value {
	switch string(name) {
	case "sid":
		return &w.SID
	case "account_sid":
		return &w.AccountSID
	case "unique_name":
		return &w.UniqueName
	case "data_limit":
		return &w.DataLimit
	}
	return nil
}

func (w *wireFleet) record() (Fleet, error) {
	if err := requireSID(&w.SID, named{"account_sid", &w.AccountSID}, named{"unique_name", &w.UniqueName}); err != nil {
		return Fleet{}, err
	}
	if err := w.AccountSID.fitAccount(w.account); err != nil {
		return Fleet{}, err
	}
	limit, err := w.DataLimit.bytes("data_limit")
	const megabyte = 1_000_000
	if err != nil || limit.V > math.MaxInt64/megabyte {
		return Fleet{}, w.DataLimit.invalid("data_limit", "a whole number of megabytes from 0 up")
	}
	return Fleet{
		SID: w.SID.text(), AccountSID: w.AccountSID.shared(), UniqueName: w.UniqueName.text(),
		DataLimit: Null[int64]{limit.V * megabyte, limit.Valid},
	}, nil
}

// A Network is a cellular network that SIMs may use.
type Network struct {
	SID          string
	FriendlyName string
	IsoCountry   string // ISO 3166-1 alpha-2
}

// Networks lists all networks that the provider knows, used or not.
func (c *Client) Networks(ctx context.Context) iter.Seq2[Network, error] {
	return inventory(ctx, c, EndpointNetworks, "/v1/Networks", func() wire[Network] { return new(wireNetwork) })
}

type wireNetwork struct{ SID, FriendlyName, IsoCountry scalar }

func (w *wireNetwork) field(name []byte) value {
	switch string(name) {
	case "sid":
		return &w.SID
	case "friendly_name":
		return &w.FriendlyName
	case "iso_country":
		return &w.IsoCountry
	}
	return nil
}

func (w *wireNetwork) record() (Network, error) {
	if err := requireSID(&w.SID, named{"friendly_name", &w.FriendlyName}, named{"iso_country", &w.IsoCountry}); err != nil {
		return Network{}, err
	}
	return Network{SID: w.SID.text(), FriendlyName: w.FriendlyName.shared(), IsoCountry: w.IsoCountry.shared()}, nil
}

// inventory returns the listing of a resource whose list is named as its endpoint.
func inventory[T any](ctx context.Context, c *Client, endpoint Endpoint, path string, wire func() wire[T]) iter.Seq2[T, error] {
	q := url.Values{"PageSize": {strconv.Itoa(c.provider.pageSize(endpoint))}}
	return listing[T]{endpoint: endpoint, key: string(endpoint), url: resource(c.superSIM, path, q), wire: wire}.all(ctx, c)
}

// requireSID rejects a resource without a SID, and one with a field that is not
// text.
func requireSID(sid *scalar, fields ...named) error {
	if len(sid.content()) == 0 || !sid.isText() {
		return sid.invalid("sid", "a SID")
	}
	return requireText(fields...)
}
