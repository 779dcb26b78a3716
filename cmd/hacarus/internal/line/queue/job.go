package queue

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hacarus/hacarus-check-go/cmd/hacarus/internal/language"
)

// Job is an image that was accepted and is to be inspected.
type Job struct {
	ID       string    `json:"id"`
	Station  string    `json:"station"`
	Lot      string    `json:"lot,omitempty"`
	Serial   string    `json:"serial,omitempty"`
	Model    string    `json:"model,omitempty"` // "" is the line's
	File     string    `json:"file"`            // its name, with the extension of its content
	SHA256   string    `json:"sha256"`
	Size     int64     `json:"size"`
	Accepted time.Time `json:"accepted"`
	Intake   string    `json:"intake"`          // whose spool has the image
	Number   uint64    `json:"number"`          // of the station's images of that intake, counted from 1; the spool has it as a name
	Trace    string    `json:"trace,omitempty"` // a traceparent
	Note     string    `json:"note,omitempty"`  // for the record: why nothing more is known of it
}

// IDOf is the id of an image: the same for the same station and key.
func IDOf(station, key string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(station), station, key))
	return hex.EncodeToString(sum[:16])
}

// maxName bounds the names of stations, lots, serials and models, in bytes.
const maxName = 60

// CheckName refuses what is no name of a station, lot, serial or model.
func CheckName(what, name string, needed bool) error {
	switch {
	case name == "" && needed:
		return language.Errorf("%s is missing", what)
	case len(name) > maxName || !utf8.ValidString(name):
		return language.Errorf("%s is longer than %d bytes, or is not UTF-8", what, maxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return language.Errorf("%s has control characters", what)
	}
	return nil
}
