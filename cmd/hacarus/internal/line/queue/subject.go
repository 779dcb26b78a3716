package queue

import (
	"encoding/hex"
	"strings"
)

// The first words of the subjects, each with a stream of its own.
const (
	jobs     = "hacarus.jobs"     // .STATION.INTAKE: images that were accepted
	verdicts = "hacarus.verdicts" // .STATION.model and .STATION.person
	journals = "hacarus.journal"  // .STATION.MODEL: what the SDK remembers
	states   = "hacarus.state"    // .KIND.NAME: the last message of each subject is what holds
	leases   = "hacarus.lease"    // .KIND.NAME: the same, and worth nothing after a restart
)

// JobsOf is the subject of a station's jobs from an intake. "" are all intakes.
func JobsOf(station, intake string) string { return jobs + "." + Escape(station) + "." + orAll(intake) }

// AllJobs is the subject of all jobs.
const AllJobs = jobs + ".>"

// VerdictsOf is the subject of the verdicts of a station's model. "" are all
// stations.
func VerdictsOf(station string) string { return verdicts + "." + orAll(station) + ".model" }

// JudgementsOf is the subject of what people say of a station's images.
func JudgementsOf(station string) string { return verdicts + "." + Escape(station) + ".person" }

// SaidOf is the subject of the verdicts and judgements of a station.
func SaidOf(station string) string { return verdicts + "." + Escape(station) + ".*" }

// AllVerdicts is the subject of all verdicts and judgements.
const AllVerdicts = verdicts + ".>"

// JournalOf is the subject of a station's journal for a model.
func JournalOf(station, model string) string {
	return journals + "." + Escape(station) + "." + Escape(model)
}

// StateOf is the subject of something that has one value at a time.
func StateOf(kind, name string) string { return states + "." + kind + "." + orAll(name) }

// LeaseOf is the subject of something that has to be renewed. "" are all names.
func LeaseOf(kind, name string) string { return leases + "." + kind + "." + orAll(name) }

func orAll(name string) string {
	if name == "" {
		return "*"
	}
	return Escape(name)
}

// NameIn returns a name in a subject: 2 is the station, or the kind of a state.
func NameIn(subject string, position int) string {
	tokens := strings.Split(subject, ".")
	if position >= len(tokens) {
		return ""
	}
	return Unescape(tokens[position])
}

// Escape returns a name as one word of a subject, or of a path: letters and digits
// of ASCII, "-" and "_" stay, and other bytes become "=" and two digits.
func Escape(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('=')
		b.WriteString(hex.EncodeToString([]byte{c}))
	}
	return b.String()
}

// Unescape returns the name that was escaped.
func Unescape(word string) string {
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '=' && i+2 < len(word) {
			if raw, err := hex.DecodeString(word[i+1 : i+3]); err == nil {
				b.Write(raw)
				i += 2
				continue
			}
		}
		b.WriteByte(word[i])
	}
	return b.String()
}
