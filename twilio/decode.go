package twilio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// decoder reads bodies token by token as they stream, each value straight to
// where it belongs. It can be used for one body after the other.
type decoder struct {
	json  jsontext.Decoder
	given []*scalar // by the record that is being read
}

// value is where a JSON value belongs. What it held before is overwritten: of
// several fields of one name the last counts.
type value interface {
	read(d *decoder) error
}

// fields are those of an object: field is where the value of that name belongs,
// nil if nobody asks for it. The name is valid until field returns.
type fields interface {
	field(name []byte) value
}

// read reads a body that is one object. It reads to the body's end, without
// which the connection could not carry another request.
func (d *decoder) read(body io.Reader, into fields) error {
	d.json.Reset(body, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := d.object(into); err != nil {
		return truncated(body, err)
	}
	switch _, err := d.json.ReadToken(); {
	case err == nil:
		return errors.New("it goes on after its end")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

func (d *decoder) object(into fields) error {
	if err := d.begin('{'); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		v := into.field(name[1 : len(name)-1])
		if v == nil && bytes.IndexByte(name, '\\') > 0 {
			v = into.field(unquote(name))
		}
		if v != nil {
			err = v.read(d)
		} else {
			err = d.json.SkipValue()
		}
		if err != nil {
			return err
		}
	}
	return d.end()
}

// begin enters an object or array.
func (d *decoder) begin(want jsontext.Kind) error {
	token, err := d.json.ReadToken()
	if err == nil && token.Kind() != want {
		err = fmt.Errorf("found %q instead of %q", token.Kind(), want)
	}
	return err
}

// end leaves an object or array of which there is no more.
func (d *decoder) end() error {
	_, err := d.json.ReadToken()
	return err
}

// forget clears what the record before gave, so that none of it is taken for the
// next one's.
func (d *decoder) forget() {
	for _, s := range d.given {
		s.clear()
	}
	d.given = d.given[:0]
}

// unquote is what a JSON string says; it may share the string's memory. Bytes
// that are no UTF-8 become U+FFFD.
func unquote(quoted []byte) []byte {
	if text := quoted[1 : len(quoted)-1]; bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return text
	}
	text, _ := jsontext.AppendUnquote(nil, quoted) // the error is about UTF-8
	return text
}
