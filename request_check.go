package hacarus

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxID bounds an id in a path, in bytes.
	maxID = 256
	// maxIDs bounds the ids in one call.
	maxIDs = 100_000
)

// checkID refuses ids that would change the meaning of a path, or that no
// service can have made.
func checkID(name, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("empty %s", name)
	case id == "." || id == "..":
		return fmt.Errorf("%s is %q", name, id)
	case len(id) > maxID:
		return fmt.Errorf("%s has %d bytes, more than %d", name, len(id), maxID)
	case !utf8.ValidString(id):
		return fmt.Errorf("%s is not valid UTF-8", name)
	case strings.ContainsAny(id, `/\`):
		return fmt.Errorf("%s %q has a separator", name, id)
	case strings.ContainsFunc(id, unicode.IsControl):
		return fmt.Errorf("%s %q has a control character", name, id)
	}
	return nil
}

// checkIDs is checkID for a list.
func checkIDs(op operation, name string, ids []string) error {
	if len(ids) > maxIDs {
		return argumentError(op.id, "%d ids in %s, more than %d", len(ids), name, maxIDs)
	}
	for i, id := range ids {
		if err := checkID(fmt.Sprintf("%s[%d]", name, i), id); err != nil {
			return argumentError(op.id, "%w", err)
		}
	}
	return nil
}

// needIDs is checkIDs for a list that must not be empty, because a missing
// filter might mean everything.
func needIDs(op operation, name string, ids []string) error {
	if len(ids) == 0 {
		return argumentError(op.id, "no %s", name)
	}
	return checkIDs(op, name, ids)
}

// checkFilter is checkID for an id that may be left out.
func checkFilter(op operation, name, id string) error {
	if id == "" {
		return nil
	}
	if err := checkID(name, id); err != nil {
		return argumentError(op.id, "%w", err)
	}
	return nil
}

// checkText refuses a string that JSON cannot represent: encoding/json would
// replace the invalid part and send a different string.
func checkText(name, text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s is not valid UTF-8", name)
	}
	return nil
}
