// Package wire holds what the SDK and the service in hacarustest must agree on
// and would otherwise each define: how an item gets its id, how the type of a
// file is detected, and how an algorithm's parameters are read.
package wire

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"path"
	"slices"
	"strings"
)

// ItemID returns the id of the item that the service makes from a file: the
// file's name without its extension.
func ItemID(fileName string) string { return strings.TrimSuffix(fileName, path.Ext(fileName)) }

// signatures are the first bytes of images that net/http does not know.
var signatures = []struct{ head, contentType string }{
	{"II*\x00", "image/tiff"},
	{"MM\x00*", "image/tiff"},
	{"\x00\x00\x00\x0cjP  ", "image/jp2"},
	{"\x00\x00\x00\x0cJXL ", "image/jxl"},
}

// ContentType detects a file's content type from its first bytes. In addition
// to the types that net/http knows, it detects TIFF, which the service accepts,
// and the formats of phones and cameras, which it does not accept.
func ContentType(head []byte) string {
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.head)) {
			return s.contentType
		}
	}
	if contentType := mediaContainer(head); contentType != "" {
		return contentType
	}
	return http.DetectContentType(head)
}

// brands of ISO media files that are images, the more special ones first: a file
// may have several.
var brands = []struct{ brand, contentType string }{
	{"avif", "image/avif"}, {"avis", "image/avif"},
	{"heic", "image/heic"}, {"heix", "image/heic"}, {"heim", "image/heic"}, {"heis", "image/heic"},
	{"hevc", "image/heic"}, {"hevx", "image/heic"},
	{"mif1", "image/heif"}, {"msf1", "image/heif"},
}

// mediaContainer detects an image in an ISO media file (ISO/IEC 14496-12), whose
// first box lists the brands that it is of: a size, "ftyp", the major brand, a
// version, and further brands. It is "" for anything else.
func mediaContainer(head []byte) string {
	const sizeAndName, major, further = 8, 12, 16
	if len(head) < major || string(head[4:sizeAndName]) != "ftyp" {
		return ""
	}
	box := head[:min(uint64(len(head)), uint64(binary.BigEndian.Uint32(head)))]
	found := []string{string(head[sizeAndName:major])}
	for at := further; at+4 <= len(box); at += 4 {
		found = append(found, string(box[at:at+4]))
	}
	for _, known := range brands {
		if slices.Contains(found, known.brand) {
			return known.contentType
		}
	}
	return ""
}
