package backfill

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/twilio-exporter/twilio_exporter/collector/atomicfile"
	"github.com/twilio-exporter/twilio_exporter/collector/monthly"
)

// What the counters of a group stand at where a chunk ends within a month is in a file, a
// line of JSON for each key: a run that goes on there begins with it. A total that was asked
// for anew could be less, if the API rounds amounts of hours, and the counters would fall.

// carriedHeader is the first line.
type carriedHeader struct {
	At         time.Time `json:"at"`
	Currencies []string  `json:"currencies"`
}

// carriedKey is a line of a key with usage in the month.
type carriedKey struct {
	Key      string                   `json:"key"`
	Upload   int64                    `json:"upload"`
	Download int64                    `json:"download"`
	Cost     map[string]carriedAmount `json:"cost,omitempty"` // by currency
}

type carriedAmount struct {
	Sum  string  `json:"sum"`
	Held float64 `json:"held"`
}

func (g *group) carriedFile() string {
	return filepath.Join(g.options.Output, escapeName(g.account.Name)+"_"+g.dimension.Group+".carried")
}

// carry writes what the counters stand at, if that is within a month and not the end.
func (g *group) carry() error {
	name := g.carriedFile()
	if !g.at.Before(g.options.To) || g.at.Equal(monthly.Start(g.at)) {
		if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	file, err := atomicfile.Create(name)
	if err != nil {
		return err
	}
	defer file.Discard()
	w := bufio.NewWriter(file)
	if err = g.counters.writeTo(w, g.at); err == nil {
		err = w.Flush()
	}
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", name, err)
	}
	return file.Commit()
}

func (c *counters) writeTo(w io.Writer, at time.Time) error {
	lines := json.NewEncoder(w)
	header := carriedHeader{at, slices.Sorted(maps.Keys(c.priced))}
	if err := lines.Encode(header); err != nil {
		return err
	}
	for row, key := range c.keys {
		if !c.used[row] {
			continue
		}
		k := carriedKey{Key: key, Upload: c.upload[row], Download: c.download[row]}
		for _, currency := range header.Currencies {
			if m := c.amounts(currency)[row]; m != (money{}) {
				if k.Cost == nil {
					k.Cost = make(map[string]carriedAmount, 1)
				}
				k.Cost[currency] = carriedAmount{m.sum.decimal().String(), m.held}
			}
		}
		if err := lines.Encode(k); err != nil {
			return err
		}
	}
	return nil
}

// goOn makes counters that have no usage yet go on with what they stood at, and reports
// whether that is known. A run that was killed may have written what comes after it.
func (g *group) goOn(at time.Time) (known bool, err error) {
	file, err := os.Open(g.carriedFile())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	defer file.Close()
	lines := json.NewDecoder(bufio.NewReader(file))
	var header carriedHeader
	if err = lines.Decode(&header); err == nil {
		if !header.At.Equal(at) {
			return false, nil
		}
		err = g.counters.readFrom(lines, header.Currencies)
	}
	if err != nil {
		return false, fmt.Errorf("%s cannot be read: %w", g.carriedFile(), err)
	}
	return true, nil
}

func (c *counters) readFrom(lines *json.Decoder, currencies []string) error {
	for _, currency := range currencies {
		c.priced[currency] = true
	}
	for {
		var k carriedKey
		if err := lines.Decode(&k); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		row := c.row(k.Key)
		c.upload[row], c.download[row], c.used[row], c.shown[row] = k.Upload, k.Download, true, true
		for currency, a := range k.Cost {
			sum, err := decimal.NewFromString(a.Sum)
			if err != nil {
				return err
			}
			c.amounts(currency)[row] = money{sum: amount{}.plus(sum), held: a.Held}
		}
	}
}
