package hacarus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/google/go-querystring/query"
)

// hint returns what the request itself shows about why it was refused, or "".
// It is not a reason to refuse a request before it is sent: the service decides
// what it accepts.
func (r *request) hint(status int) string {
	switch status {
	case http.StatusNotFound:
		return r.hintOfIDs()
	case http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		if r.op == opAddItems {
			return hintOfImages(r.body.form.files)
		}
	}
	return ""
}

// hintOfIDs looks for constants that are used in place of an id.
func (r *request) hintOfIDs() string {
	ids := r.idsUnder("algorithm_id")
	if n := slices.IndexFunc(ids, looksLikeName); n >= 0 {
		return fmt.Sprintf("%q is a name, not an id: FindAlgorithm", ids[n])
	}
	if r.op != opPredictItems && slices.Contains(r.idsUnder("model_id"), ActiveModel) {
		return fmt.Sprintf("%q stands for a model in PredictItems alone: ListModels tells which are active", ActiveModel)
	}
	return ""
}

// looksLikeName reports whether a string consists of words for people, as the
// names of algorithms do. No such id is known.
func looksLikeName(id string) bool {
	return strings.ContainsFunc(id, func(r rune) bool { return r == ' ' || r > unicode.MaxASCII })
}

// idsUnder are the ids that the request has under a name: in its path, and in its
// query and its JSON body, one of them or a list.
func (r *request) idsUnder(name string) []string {
	var ids []string
	rest := r.op.path
	for _, value := range r.params {
		_, after, _ := strings.Cut(rest, "{")
		param, tail, _ := strings.Cut(after, "}")
		if param == name {
			ids = append(ids, value)
		}
		rest = tail
	}
	if values, err := query.Values(r.query); err == nil {
		ids = slices.Concat(ids, values[name], values[name+"s"])
	}
	return append(ids, r.body.idsUnder(name+"s")...)
}

// idsUnder is a list of ids in a JSON body; nil where there is none.
func (b *body) idsUnder(name string) []string {
	if b == nil || b.contentType != acceptJSON {
		return nil
	}
	raw, err := b.open()
	if err != nil {
		return nil
	}
	defer raw.Close()
	var fields map[string]json.RawMessage
	if json.NewDecoder(raw).Decode(&fields) != nil {
		return nil
	}
	var ids []string
	if json.Unmarshal(fields[name], &ids) != nil {
		return nil
	}
	return ids
}

// hintOfImages describes files that the service is not known to accept.
func hintOfImages(files []*source) string {
	const most = 3
	var hints []string
	for _, f := range files {
		if doubts := f.doubts(); len(doubts) > 0 {
			hints = append(hints, fmt.Sprintf("%q: %s", f.label(), strings.Join(doubts, ", ")))
		}
	}
	if more := len(hints) - most; more > 0 {
		hints = append(hints[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(hints, "; ")
}

// imageTypes are the content types that the service accepts according to its
// documentation.
var imageTypes = []string{"image/png", "image/jpeg", "image/tiff"}

// doubts returns what the service may not accept about an image.
func (s *source) doubts() (doubts []string) {
	contentType, _, _ := strings.Cut(s.ContentType, ";")
	switch {
	case s.Size == 0:
		doubts = append(doubts, "content is empty")
	case !slices.Contains(imageTypes, strings.ToLower(contentType)):
		doubts = append(doubts, "content is "+contentType+"; PNG, JPEG and TIFF are taken")
	}
	switch {
	case plainName(s.Name):
	case strings.Contains(s.Name, " "):
		doubts = append(doubts, "name has a space: see SafeName")
	case strings.Count(s.Name, ".") > 1:
		doubts = append(doubts, "name has more than one dot: see SafeName")
	case strings.ContainsFunc(s.Name, func(r rune) bool { return r != '.' && r != '-' && r != '_' && !letterOrDigit(r) }):
		doubts = append(doubts, `name has other characters than ASCII letters, digits, "-" and "_": see SafeName`)
	}
	return doubts
}
