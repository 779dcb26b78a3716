package hacarustest

import (
	"errors"
	"io"
	"net/http"

	"github.com/hacarus/hacarus-check-go/internal/wire"
)

// form is a multipart request as it was sent.
type form struct {
	fields map[string]string
	files  []formFile
}

type formFile struct {
	field string
	upload
}

// readForm reads a multipart body and shows its files in the ledger.
func (s *Server) readForm(r *request) (form, error) {
	f := form{fields: map[string]string{}}
	parts, err := r.MultipartReader()
	if err != nil {
		return f, refuse(http.StatusBadRequest, invalidRequest)
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return f, err
		}
		if part.FileName() == "" {
			f.fields[part.FormName()] = string(content)
			continue
		}
		s.ledger.update(func() { r.call.Files = append(r.call.Files, part.FileName()) })
		f.files = append(f.files, formFile{part.FormName(), newUpload(part.FileName(), content)})
	}
}

// newUpload is an image with the type that its content has.
func newUpload(name string, content []byte) upload {
	return upload{name: name, contentType: wire.ContentType(content), content: content}
}

func (f form) named(field string) []upload {
	var files []upload
	for _, file := range f.files {
		if file.field == field {
			files = append(files, file.upload)
		}
	}
	return files
}

// content is that of a field's first file, or the field itself.
func (f form) content(field string) []byte {
	if files := f.named(field); len(files) > 0 {
		return files[0].content
	}
	return []byte(f.fields[field])
}
