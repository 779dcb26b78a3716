package hacarus

import (
	"context"
	"errors"
	"image"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/hacarus/hacarus-check-go/internal/wire"
)

var (
	opListItems    = newOperation("getItemsByType", "ListItems", http.MethodGet, "/api/v1/items/", classRead)
	opAddItems     = newOperation("addItem", "AddItems", http.MethodPost, "/api/v1/items/", classNonIdempotent)
	opDeleteItems  = newOperation("delItem", "DeleteItems", http.MethodDelete, "/api/v1/items/", classDelete)
	opGetItem      = newOperation("getItemById", "GetItem", http.MethodGet, "/api/v1/items/{item_id}", classRead)
	opAnnotateItem = newOperation("annotate", "AnnotateItem", http.MethodPatch, "/api/v1/items/{item_id}", classNonIdempotent)
)

// ListItemsOptions selects the items that [Client.ListItems] and
// [Client.AllItems] return. Type is required.
type ListItemsOptions struct {
	// Type is [ItemTypePrediction] or [ItemTypeTraining].
	Type ItemType `url:"item_type"`
	// Count is the number of items on a page. With 0, the service chooses. The
	// documentation names no limit.
	Count int `url:"count,omitempty"`
	// Page is the number of the page. With 0, the service chooses. The official
	// samples begin with page 1.
	Page int `url:"page,omitempty"`
	// ModelID restricts the items, or their assessments, to one model; the
	// documentation does not say which of the two. With "", there is no
	// restriction.
	ModelID string `url:"model_id,omitempty"`
}

func (o ListItemsOptions) check() error {
	switch {
	case o.Type == "":
		return argumentError(opListItems.id, "no item type")
	case o.Count < 0 || o.Page < 0:
		return argumentError(opListItems.id, "negative count %d or page %d", o.Count, o.Page)
	}
	if err := checkText("item_type", string(o.Type)); err != nil {
		return argumentError(opListItems.id, "%w", err)
	}
	return checkFilter(opListItems, "model_id", o.ModelID)
}

// ListItems returns one page of items. To get all items, use [Client.AllItems].
//
// Pages are numbered, so the items on a page depend on the items before it:
// after a deletion, items of the next page move to this one. To process items
// and delete them as you go, ask for the first page again until it is empty.
//
// A missing type and a negative count or page are [ErrInvalidArgument]. A query
// that the service cannot process causes [ErrUnprocessable]. In the official
// SDK's fixtures, [ErrNotFound] occurs with the title "Cannot find context".
//
// Operation getItemsByType: GET /api/v1/items/.
func (c *Client) ListItems(ctx context.Context, opts ListItemsOptions) (*ItemsPage, error) {
	return c.listItems(ctx, opts, nil)
}

func (c *Client) listItems(ctx context.Context, opts ListItemsOptions, received func()) (*ItemsPage, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	return doData(ctx, c, request{op: opListItems, query: opts, received: received}, decodeItemsPage(opts.Type))
}

// AddItemsRequest describes an upload by [Client.AddItems].
type AddItemsRequest struct {
	// Files are the images: PNG, JPEG or TIFF. Their names must differ. Names that
	// differ only in the extension most likely become the same item.
	Files []File
	// Training says whether the items are training items (true) or items to inspect
	// (false).
	Training bool
	// Good labels training items as good (true) or defective (false). Nil leaves
	// them without a label. The documentation does not say what it means for items
	// to inspect.
	Good *bool
	// ModelID is in the documentation, which does not say what it does. If it is
	// "", it is not sent.
	ModelID string
	// Progress is called during the upload with the number of bytes of the files'
	// contents that were sent so far, and with their total. If the upload is
	// attempted again, sent starts again at 0. The upload waits for Progress, so it
	// must return quickly. It is not called after AddItems has returned. If it
	// panics, the upload ends and AddItems panics with the same value. Nil means
	// that nothing is called.
	Progress func(sent, total int64)
}

// AddItems uploads images and returns the ids of the items made from them.
// Files are streamed one after the other, so memory does not grow with their
// size. If a file cannot be read or changes during the call, the call fails
// before the service has received all of it. For large numbers of files use
// [Client.Upload].
//
// Every execution creates items, so a call whose outcome is unknown is not
// repeated. After an [ErrOutcomeUnknown], the error's ItemIDs are the ids to
// look for with [Client.GetItem].
//
// An empty list, equal names and names that cannot be sent are
// [ErrInvalidArgument]. Names that the service refuses cause [ErrBadRequest];
// names with spaces or with more than one dot are known to be refused. Other
// files that it cannot process cause [ErrUnprocessable]. The error's Hint then
// names the files that the service is not known to accept. Without a license
// the error is [ErrLicense], and a proxy may refuse a large upload with
// [ErrTooLarge].
//
// Operation addItem: POST /api/v1/items/.
func (c *Client) AddItems(ctx context.Context, req AddItemsRequest) ([]string, error) {
	if len(req.Files) == 0 {
		return nil, argumentError(opAddItems.id, "no files")
	}
	if err := checkFilter(opAddItems, "model_id", req.ModelID); err != nil {
		return nil, err
	}
	fields := []field{{"training", strconv.FormatBool(req.Training)}}
	if req.Good != nil {
		fields = append(fields, field{"good", strconv.FormatBool(*req.Good)})
	}
	if req.ModelID != "" {
		fields = append(fields, field{"model_id", req.ModelID})
	}
	body, err := multipartBody(opAddItems, fields, "files", req.Files, req.Progress)
	if err != nil {
		return nil, err
	}
	ids, err := doValue(ctx, c, request{op: opAddItems, body: body}, decodeAddedIDs)
	return ids, withItemIDs(err, req.Files)
}

// withItemIDs adds the ids to look for to an error after which items may exist.
func withItemIDs(err error, files []File) error {
	expected := func() []string {
		ids := make([]string, len(files))
		for i, f := range files {
			ids[i] = wire.ItemID(f.Name)
		}
		return ids
	}
	switch e := err.(type) { //nolint:errorlint // the error as this call made it
	case *BaseError:
		if e.Outcome == OutcomeUnknown {
			e.ItemIDs = expected()
		}
	case *RequestError:
		if e.Outcome == OutcomeUnknown || e.Outcome == OutcomeExecuted {
			e.ItemIDs = expected()
		}
	}
	return err
}

// DeleteItems deletes items. It needs at least one id ([ErrInvalidArgument]). A
// request that the service cannot process causes [ErrUnprocessable]. The
// documentation does not say what happens to ids that do not exist.
//
// A deletion moves the items behind it to other pages. To delete all items of a
// type, first collect their ids with [Client.AllItems], and delete them after
// the loop, as the example does: deleting inside of the loop makes it skip
// items.
//
// The call is retried. If an attempt whose response was lost has deleted an
// item, the next attempt may not find it any more: the error is then both
// [ErrNotFound] and [ErrOutcomeUnknown].
//
// Operation delItem: DELETE /api/v1/items/, with a JSON body. The documentation
// names no status for success, so any 2xx status counts as success.
func (c *Client) DeleteItems(ctx context.Context, ids ...string) error {
	if err := needIDs(opDeleteItems, "item_ids", ids); err != nil {
		return err
	}
	body, err := jsonBody(opDeleteItems, itemIDs{ids})
	if err != nil {
		return err
	}
	return c.do(ctx, request{op: opDeleteItems, body: body}, decodeEmpty)
}

// GetItemOptions selects which parts of an item [Client.GetItem] returns.
type GetItemOptions struct {
	// ShowAssessments says whether assessments are returned. With nil, the service
	// chooses.
	ShowAssessments *bool `url:"show_assessments,omitempty"`
	// ShowAnnotations says whether annotations, the boxes, are returned. With nil,
	// the service chooses.
	ShowAnnotations *bool `url:"show_annotations,omitempty"`
	// ModelID restricts the assessments to those of one model. With "", there is no
	// restriction.
	ModelID string `url:"model_id,omitempty"`
}

// GetItem returns one item. It returns what the service responds with, even if
// the id in the response is written differently. With nil opts, the service
// chooses which parts of the item it sends. The error is [ErrNotFound] if there
// is no such item, [ErrUnauthorized] if it belongs to another user, as seen in
// the official SDK's fixtures, and [ErrUnprocessable] if the service cannot
// process the request.
//
// Operation getItemById: GET /api/v1/items/{item_id}.
func (c *Client) GetItem(ctx context.Context, itemID string, opts *GetItemOptions) (*Item, error) {
	return c.getItem(ctx, itemID, opts, decodeItem)
}

// getThisItem is GetItem for code that acts on the response by itself. There,
// an item other than the requested one is not a response.
func (c *Client) getThisItem(ctx context.Context, itemID string, opts *GetItemOptions) (*Item, error) {
	return c.getItem(ctx, itemID, opts, expect(itemID, decodeItem, func(i *Item) string { return i.ItemID }))
}

func (c *Client) getItem(ctx context.Context, itemID string, opts *GetItemOptions, decode decoder[Item]) (*Item, error) {
	if opts != nil {
		if err := checkFilter(opGetItem, "model_id", opts.ModelID); err != nil {
			return nil, err
		}
	}
	return doData(ctx, c, request{op: opGetItem, params: []string{itemID}, query: opts}, decode)
}

// AnnotateItem attaches annotations, which are boxes around defects, to an
// item. The documentation does not say whether they replace earlier ones or are
// added to them, so a call whose outcome is unknown is not repeated
// ([ErrOutcomeUnknown]).
//
// An empty list, an annotation without any content, and one whose minimum
// exceeds its maximum are [ErrInvalidArgument]. Annotations that the service
// cannot process cause [ErrUnprocessable]. A missing image is known to cause
// [ErrNotFound].
//
// Operation annotate: PATCH /api/v1/items/{item_id}.
func (c *Client) AnnotateItem(ctx context.Context, itemID string, annotations ...RequestAnnotation) error {
	if len(annotations) == 0 {
		return argumentError(opAnnotateItem.id, "no annotations")
	}
	for i, a := range annotations {
		if err := a.check(); err != nil {
			return argumentError(opAnnotateItem.id, "annotations[%d]: %w", i, err)
		}
	}
	body, err := jsonBody(opAnnotateItem, struct {
		Annotations []RequestAnnotation `json:"annotations"`
	}{annotations})
	if err != nil {
		return err
	}
	return c.do(ctx, request{op: opAnnotateItem, params: []string{itemID}, body: body}, decodeEmpty)
}

// RequestAnnotation is a box to attach to an item with [Client.AnnotateItem].
// Fields that are nil or "" are not sent; at least one field must be set.
type RequestAnnotation struct {
	// XMin is the box's left edge in pixels. It must not exceed XMax.
	XMin *int `json:"x_min,omitempty"`
	// XMax is the box's right edge in pixels.
	XMax *int `json:"x_max,omitempty"`
	// YMin is the box's upper edge in pixels. It must not exceed YMax.
	YMin *int `json:"y_min,omitempty"`
	// YMax is the box's lower edge in pixels.
	YMax *int `json:"y_max,omitempty"`
	// Label is a number that you choose, such as that of a kind of defect.
	Label *int `json:"label,omitempty"`
	// Notes are remarks for people.
	Notes string `json:"notes,omitempty"`
}

func (a RequestAnnotation) check() error {
	switch {
	case a == RequestAnnotation{}:
		return errors.New("empty annotation")
	case a.XMin != nil && a.XMax != nil && *a.XMin > *a.XMax, a.YMin != nil && a.YMax != nil && *a.YMin > *a.YMax:
		return errors.New("a box whose minimum is above its maximum")
	}
	return checkText("notes", a.Notes)
}

// ItemsPage is one page of items. Earlier services send lists without pages;
// such a list is page 1 of 1.
type ItemsPage struct {
	// Items are the page's items in the service's order. Nil or empty means that
	// there are none.
	Items []Item `json:"items"`
	// CurrentPage is the number of this page, or 0 if the service does not send it.
	// The documentation does not say whether pages count from 1.
	CurrentPage int `json:"current_page"`
	// EndPage is the number of the last page, or 0 if the service does not send it.
	EndPage int `json:"end_page"`
	// CountPerPage is the number of items on a full page, or 0 if the service does
	// not send it.
	CountPerPage int `json:"count_per_page"`
}

// UnmarshalJSON decodes a page as [Client.ListItems] does, but only in the
// documented form: in the form of earlier services, it is not clear which of
// several lists is meant. Other input is [ErrDecode].
func (p *ItemsPage) UnmarshalJSON(document []byte) error {
	return unmarshal(document, p, decodeItemsPage(""))
}

// Item is one product, inspected or used for training, with its images and
// assessments.
type Item struct {
	// ItemID identifies the item. The service derives it from the name of the
	// uploaded file, without the extension. In a response it is never empty.
	ItemID string `json:"item_id"`
	// Name is passed on as the service sends it. The documentation does not say how
	// it differs from ItemID.
	Name string `json:"name"`
	// Status says whether the item is waiting for a prediction. [ItemStatusDone]
	// does not prove that a certain model has predicted the item: look for that
	// model's assessment.
	Status ItemStatus `json:"status"`
	// Active is passed on as the service sends it; its meaning is not documented.
	// Null is read as false.
	Active bool `json:"active"`
	// IsTrainingData says whether the item is a training item (true) or one to
	// inspect (false).
	IsTrainingData bool `json:"is_training_data"`
	// Images are the uploaded images; [Client.GetImage] fetches one. An item may
	// have several images, such as the sides of a box. Nil means that there are
	// none.
	Images []ImageMeta `json:"images"`
	// UserAssessment is a person's assessment of the item, or nil if there is none.
	UserAssessment *UserAssessment `json:"user_assessment"`
	// Assessments are the models' assessments of the item, in the service's order.
	// They are empty or nil if there are none, or if they were not requested: see
	// [GetItemOptions]. For an item of an earlier service, there is one for each
	// model: its verdict on the item as a whole, not those on single images.
	Assessments []Assessment `json:"assessments"`
}

// UnmarshalJSON decodes an item as [Client.GetItem] does, in every form in
// which the service is known to send it; ids may be strings or numbers. Unlike
// there, the id may be missing. Input that is not an item is [ErrDecode] and
// leaves i unchanged, and so does null.
//
// A struct that embeds an Item inherits this method, so its other fields are
// not decoded. Use a named field for the Item instead.
func (i *Item) UnmarshalJSON(document []byte) error { return unmarshal(document, i, readItem) }

// Verdict returns the verdict on the item. A person's label takes precedence;
// if it is neither OK nor NG, the verdict is [VerdictUnknown]. Without such a
// label, it is the verdict of [Item.Assessment] for the model, or
// [VerdictUnknown] if there is no assessment.
func (i *Item) Verdict(modelID string) Verdict {
	if i != nil && i.UserAssessment != nil && i.UserAssessment.Label != "" {
		return i.UserAssessment.Label.verdict()
	}
	if a := i.Assessment(modelID); a != nil {
		return a.Label.verdict()
	}
	return VerdictUnknown
}

// Assessment returns the model's last assessment of the item. If modelID is ""
// or [ActiveModel], it returns the last assessment by any model, because an
// item does not tell which model was the active one. It returns nil if there is
// none or if i is nil.
func (i *Item) Assessment(modelID string) *Assessment {
	if i == nil {
		return nil
	}
	modelID = modelOrAny(modelID)
	for n := len(i.Assessments) - 1; n >= 0; n-- {
		if a := &i.Assessments[n]; modelID == "" || a.ModelID == modelID {
			return a
		}
	}
	return nil
}

// ImageMeta describes one image of an item.
type ImageMeta struct {
	// URL is an absolute URL, a path on the service's host, or a bare storage key
	// of 40 hexadecimal digits. No address is documented for such a key.
	URL string `json:"url"`
	// Name is the image's name as the service has it, or "" if there is none.
	Name string `json:"name"`
	// Width is the width in pixels, or 0 if it is not known.
	Width int `json:"width"`
	// Height is the height in pixels, or 0 if it is not known.
	Height int `json:"height"`
	// FileSize is the size of the file in bytes, or 0 if it is not known.
	FileSize int64 `json:"file_size"`
}

// UnmarshalJSON decodes an image as [Client.GetItem] does; a number may be
// written as a string and a string as a number. Other input is [ErrDecode].
func (m *ImageMeta) UnmarshalJSON(document []byte) error { return unmarshal(document, m, decodeImage) }

// UserAssessment is a person's assessment of an item.
type UserAssessment struct {
	// Label is the person's verdict, or "" if the person has given none.
	Label Label `json:"label"`
	// Result is the service's description of the verdict, or "" if there is none.
	Result string `json:"result"`
	// Annotations are the boxes that a person drew, or nil if there are none. The
	// documentation does not say whether the boxes of [Client.AnnotateItem] appear
	// here.
	Annotations []Annotation `json:"annotations"`
	// Images are the assessment's images, or nil if there are none. The
	// documentation does not say what they show.
	Images []ImageMeta `json:"images"`
}

// UnmarshalJSON decodes an assessment as [Client.GetItem] does; a number may be
// written as a string and a string as a number. Other input is [ErrDecode].
func (u *UserAssessment) UnmarshalJSON(document []byte) error {
	return unmarshal(document, u, decodeUserAssessment)
}

// Assessment is a model's assessment of an item.
type Assessment struct {
	// ModelID identifies the model that made the assessment. It is "" if a service
	// of July 2019 does not send it.
	ModelID string `json:"model_id"`
	// Label is the verdict, [LabelOK] or [LabelNG], or "" if the service sends
	// null.
	Label Label `json:"label"`
	// Result is the service's description of the verdict, or "" if there is none.
	Result string `json:"result"`
	// AnomalyScore is the score in the service's notation, or "" if the service
	// sends null. [Assessment.Score] returns it as a number.
	AnomalyScore string `json:"anomaly_score"`
	// DetectedObjects is the number of defects found, or nil if the service sends
	// null.
	DetectedObjects *int `json:"detected_objects"`
	// DetectionAccuracy is passed on as the service sends it, or nil if it sends
	// null. Its unit is not documented; 100 has been seen.
	DetectionAccuracy *float64 `json:"detection_accuracy"`
	// Annotations are the boxes of the defects, or nil if there are none.
	Annotations []Annotation `json:"annotations"`
	// Images are images made for the assessment, such as a heat map, or nil if
	// there are none.
	Images []ImageMeta `json:"images"`
}

// UnmarshalJSON decodes an assessment as [Client.GetItem] does; a number may be
// written as a string and a string as a number. Other input is [ErrDecode].
func (a *Assessment) UnmarshalJSON(document []byte) error {
	return unmarshal(document, a, decodeAssessment)
}

// Score returns AnomalyScore as a number. It returns false if there is no
// score, if the score is not a number, or if a is nil, which [Item.Assessment]
// may return.
func (a *Assessment) Score() (float64, bool) {
	if a == nil {
		return 0, false
	}
	score, err := strconv.ParseFloat(strings.TrimSpace(a.AnomalyScore), 64)
	if err != nil || math.IsNaN(score) || math.IsInf(score, 0) {
		return 0, false
	}
	return score, true
}

// Annotation is the box of a defect, in pixels of the item's image, with what
// is known about the defect. The service may scale an image before it looks for
// defects; the documentation does not say whether the box is then in pixels of
// the scaled image.
type Annotation struct {
	// AnnotationID identifies the annotation. It is 0 if the service does not send
	// it.
	AnnotationID int `json:"annotation_id"`
	// XMin is the box's left edge in pixels, or nil if the service sends null.
	XMin *float64 `json:"x_min"`
	// XMax is the box's right edge in pixels, or nil if the service sends null.
	XMax *float64 `json:"x_max"`
	// YMin is the box's upper edge in pixels, or nil if the service sends null.
	YMin *float64 `json:"y_min"`
	// YMax is the box's lower edge in pixels, or nil if the service sends null.
	YMax *float64 `json:"y_max"`
	// Label is a number that the user chose, or nil if there is none. It is not an
	// OK or NG [Label].
	Label *int `json:"label"`
	// DefectSize is the defect's size as the service measures it, or nil if the
	// service sends null. Its unit is not documented.
	DefectSize *float64 `json:"defect_size"`
	// Notes are a person's remarks, or "" if there are none.
	Notes string `json:"notes"`
	// CreatedAt is the time at which the annotation was made, or the zero Time if
	// the service does not send it.
	CreatedAt Time `json:"created_at"`
}

// UnmarshalJSON decodes an annotation as [Client.GetItem] does; a number may be
// written as a string and a string as a number. Other input is [ErrDecode].
func (a *Annotation) UnmarshalJSON(document []byte) error {
	return unmarshal(document, a, decodeAnnotation)
}

// Rect returns the smallest rectangle of whole pixels that contains the box. It
// returns false if an edge is missing or cannot be an edge in an image: if
// edges are reversed, not finite, or beyond 32 bits.
func (a Annotation) Rect() (image.Rectangle, bool) {
	if a.XMin == nil || a.XMax == nil || a.YMin == nil || a.YMax == nil {
		return image.Rectangle{}, false
	}
	for _, edge := range []float64{*a.XMin, *a.XMax, *a.YMin, *a.YMax} {
		if math.IsNaN(edge) || math.Abs(edge) > math.MaxInt32 {
			return image.Rectangle{}, false
		}
	}
	if *a.XMin > *a.XMax || *a.YMin > *a.YMax {
		return image.Rectangle{}, false
	}
	return image.Rectangle{
		Min: image.Pt(int(math.Floor(*a.XMin)), int(math.Floor(*a.YMin))),
		Max: image.Pt(int(math.Ceil(*a.XMax)), int(math.Ceil(*a.YMax))),
	}, true
}
