// Package wire holds what the SDK and the service in hacarustest have to agree
// on and would otherwise each write down for itself: how an item gets its id,
// what a file's content is, and how an algorithm's parameters are read.
package wire

import (
	"bytes"
	"net/http"
	"path"
	"strings"
)

// ItemID returns the id of the item that the service makes of a file: the
// file's name without its extension.
func ItemID(fileName string) string { return strings.TrimSuffix(fileName, path.Ext(fileName)) }

// ContentType detects a file's content type from its first bytes. Beside what
// net/http knows, it knows TIFF, which the service takes.
func ContentType(head []byte) string {
	if bytes.HasPrefix(head, []byte("II*\x00")) || bytes.HasPrefix(head, []byte("MM\x00*")) {
		return "image/tiff"
	}
	return http.DetectContentType(head)
}
