package hacarustest

import (
	"errors"
	"net/http"
	"strings"

	hacarus "github.com/hacarus/hacarus-check-go"
)

// message is a message in the two languages of the service.
type message struct{ en, ja string }

// The English messages are those of the real service (facts 4, 6, 7 and 12 of
// docs/wire-facts.md, and its fixtures), and so is the Japanese one of
// noContext. The other Japanese messages are translations made for this
// package.
var (
	unknownClient  = message{"Cannot find client information", "クライアント情報が見つかりません。"}
	wrongSecret    = message{"Client id and secret mismatch", "クライアントIDとシークレットが一致しません。"}
	noPermission   = message{"No permission to access this resource", "このリソースへのアクセス権がありません。"}
	invalidLicense = message{"Invalid license!", "ライセンスが無効です。"}
	licenseExists  = message{"License already exists", "ライセンスは既に登録されています。"}
	noItemAccess   = message{"You do not have access to one or more item ids provided", "指定されたアイテムIDの一部にアクセスできません。"}
	noAlgorithms   = message{"No algorithms found", "アルゴリズムが見つかりません。"}
	noModel        = message{"No model found", "モデルが見つかりません。"}
	noActiveModel  = message{"There is no available model", "利用できるモデルがありません。"}
	noItems        = message{"Cannot find items", "アイテムが見つかりません。"}
	noItem         = message{"No match for item_id!", "item_idに一致するアイテムがありません。"}
	noImage        = message{"Cannot find image", "画像が見つかりません。"}
	noContext      = message{"Cannot find context", "コンテキストが見つかりません。"}
	noUpload       = message{"No images to upload", "アップロードする画像がありません。"}
	invalidRequest = message{"Invalid Request", "無効なリクエストです。"}
	tooLarge       = message{"Request Entity Too Large", "リクエストが大きすぎます。"}
	noRoute        = message{"Not Found", "見つかりません。"}
)

// errMalformed is the status text of a training with wrong parameters
// (docs/wire-facts.md, fact 20).
var errMalformed = errors.New("Malformed parameters detected. Please check parameters before training!") //nolint:revive,staticcheck // the service's words

func (m message) in(language string) string {
	if strings.HasPrefix(strings.ToLower(language), "ja") {
		return m.ja
	}
	return m.en
}

// problem is an error response. It is an error only to travel as one.
type problem struct {
	status  int
	title   message
	detail  message
	details string // in place of detail: names of files or the like
	fields  []hacarus.KeyValueError
}

func (p *problem) Error() string { return p.title.en + p.detail.en }

// refuse is a problem with a title, as most of the real service's are.
func refuse(status int, title message) *problem { return &problem{status: status, title: title} }

// missing is a problem with an empty title and its message in the detail, the
// other form of the real service (docs/wire-facts.md, fact 9).
func missing(detail message) *problem {
	return &problem{status: http.StatusNotFound, detail: detail}
}

// invalid is a problem of one field of a request.
func invalid(status int, field, reason string) *problem {
	return &problem{status: status, title: invalidRequest, fields: []hacarus.KeyValueError{{Key: field, Errors: []string{reason}}}}
}

// errorBody is the documented form of an error. Its detail is never a list and
// never null, since the documentation knows neither.
type errorBody struct {
	Errors errorDetails `json:"errors"`
}

type errorDetails struct {
	Message []fieldErrors `json:"message,omitempty"`
	Status  int           `json:"status"`
	Detail  string        `json:"detail"`
	Source  errorSource   `json:"source"`
	Title   string        `json:"title"`
}

type fieldErrors struct {
	Key    string   `json:"key"`
	Errors []string `json:"errors"`
}

type errorSource struct {
	Pointer string `json:"pointer"`
}

func (p *problem) response(r *http.Request) response {
	language := r.Header.Get("Accept-Language")
	details := errorDetails{
		Status: p.status,
		Detail: p.detail.in(language) + p.details,
		Source: errorSource{Pointer: r.URL.Path},
		Title:  p.title.in(language),
	}
	for _, f := range p.fields {
		details.Message = append(details.Message, fieldErrors(f))
	}
	return jsonResponse(p.status, errorBody{details})
}
