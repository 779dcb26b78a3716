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

// ListItemsOptions selects items. Type is required.
type ListItemsOptions struct {
	// Type is [ItemTypePrediction] or [ItemTypeTraining].
	Type ItemType `url:"item_type"`
	// Count is the number of items per page; zero leaves it to the service. The
	// documentation gives no limit.
	Count int `url:"count,omitempty"`
	// Page is the page's number; zero leaves it to the service. The official
	// samples ask for page 1 first.
	Page int `url:"page,omitempty"`
	// ModelID limits the items, or their assessments, to one model's: the
	// documentation does not say which. "" is no limit.
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

// ListItems returns one page of items. Use [Client.AllItems] for all of them.
//
// What is on a page changes with the items before it: after deletions, the items
// that were on the next page are on this one. To work through items that are
// deleted on the way, ask for the first page again and again until it is empty.
//
// No type, or a negative count or page, is [ErrInvalidArgument]; a query that
// the service does not take is [ErrUnprocessable]. "Cannot find context" was
// seen as [ErrNotFound] in the official SDK's fixtures.
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

// AddItemsRequest is what [Client.AddItems] uploads.
type AddItemsRequest struct {
	// Files are the images: PNG, JPEG or TIFF. Their names must differ; names
	// that differ in the extension only are likely to collide in the service.
	Files []File
	// Training makes them training items; false makes them items to inspect.
	Training bool
	// Good labels training items as good or defective; nil leaves them without a
	// label. The documentation does not say what it means for items to inspect.
	Good *bool
	// ModelID is documented, but not what it does; "" leaves it out.
	ModelID string
	// Progress, if not nil, is told during the upload how many bytes of the
	// files' contents were sent so far, and how many there are in all. Each
	// attempt begins at 0 again; the total stays. The upload waits for it, so it
	// must be quick. It is not called after AddItems has returned. Its panic ends
	// the upload, and goes on in AddItems.
	Progress func(sent, total int64)
}

// AddItems uploads images and returns the ids of the items made from them. It
// streams: memory does not grow with the files, and one is open at a time. A
// file that cannot be read, or that changes during the call, fails the call
// before the service has all of it.
//
// Every execution makes items, so it is not repeated when its outcome is
// unknown: on [ErrOutcomeUnknown] the error's ItemIDs are the ids to look for
// with [Client.GetItem].
//
// No files, equal names and names that cannot be sent are [ErrInvalidArgument].
// Names that the service refuses are [ErrBadRequest]: names with spaces or with
// more than one dot were seen to be refused. What else it cannot process is
// [ErrUnprocessable]. The error's Hint names the files that the service is not
// known to take. A missing license was seen as [ErrLicense], and a proxy may refuse
// a large upload with [ErrTooLarge].
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

// withItemIDs adds the ids to look for to an error after which there may be items.
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

// DeleteItems deletes items. At least one id is required ([ErrInvalidArgument]).
// A request that the service cannot process is [ErrUnprocessable]; what becomes
// of ids that do not exist is not documented.
//
// Deletion moves the items behind to other pages. To delete all items of a kind,
// collect their ids with [Client.AllItems] first, and delete when that has ended,
// as the example does: deletions within the range leave items out.
//
// It is retried, and an item may be found deleted by an attempt whose response
// was lost: then the error is [ErrNotFound] and [ErrOutcomeUnknown].
//
// Operation delItem: DELETE /api/v1/items/, with a JSON body. The
// documentation names no status of success; any 2xx is one.
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

// GetItemOptions selects what [Client.GetItem] returns of an item.
type GetItemOptions struct {
	// ShowAssessments asks for the assessments, or not; nil leaves it to the
	// service.
	ShowAssessments *bool `url:"show_assessments,omitempty"`
	// ShowAnnotations asks for the boxes, or not; nil leaves it to the service.
	ShowAnnotations *bool `url:"show_annotations,omitempty"`
	// ModelID limits the assessments to one model's; "" is no limit.
	ModelID string `url:"model_id,omitempty"`
}

// GetItem returns one item, as the service responds with it, whatever its id;
// with nil opts the service decides which parts of it.
// Without such an item the error is [ErrNotFound]. Someone else's item is
// [ErrUnauthorized], as seen in the official SDK's fixtures. A request that the
// service cannot process is [ErrUnprocessable].
//
// Operation getItemById: GET /api/v1/items/{item_id}.
func (c *Client) GetItem(ctx context.Context, itemID string, opts *GetItemOptions) (*Item, error) {
	return c.getItem(ctx, itemID, opts, decodeItem)
}

// getThisItem is GetItem for who acts on the response unasked: there, another
// item than the one that was asked for is no response.
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

// AnnotateItem attaches boxes to an item. The documentation does not say
// whether they replace earlier ones or are added, so it is not repeated when
// its outcome is unknown ([ErrOutcomeUnknown]).
//
// No annotations, an empty one, and one whose minimum is above its maximum are
// [ErrInvalidArgument]. What the service cannot process is [ErrUnprocessable];
// a missing image was seen as [ErrNotFound].
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

// RequestAnnotation is a box to attach to an item. Nil and "" are left out, and
// something must be given.
type RequestAnnotation struct {
	// XMin is the box's left edge in pixels, at most XMax.
	XMin *int `json:"x_min,omitempty"`
	// XMax is the box's right edge in pixels.
	XMax *int `json:"x_max,omitempty"`
	// YMin is the box's upper edge in pixels, at most YMax.
	YMin *int `json:"y_min,omitempty"`
	// YMax is the box's lower edge in pixels.
	YMax *int `json:"y_max,omitempty"`
	// Label is a number of the user's choice.
	Label *int `json:"label,omitempty"`
	// Notes are words of the user's choice.
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

// ItemsPage is one page of items. The lists of an earlier service, which has no
// pages, are page 1 of 1.
type ItemsPage struct {
	// Items of the page, in the service's order; nil or empty for none.
	Items []Item `json:"items"`
	// CurrentPage is this page's number; zero when the service does not say. The
	// documentation does not say whether pages count from 1.
	CurrentPage int `json:"current_page"`
	// EndPage is the last page's number; zero when the service does not say.
	EndPage int `json:"end_page"`
	// CountPerPage is the number of items on a full page; zero when the service
	// does not say.
	CountPerPage int `json:"count_per_page"`
}

// UnmarshalJSON reads a page as [Client.ListItems] does, but in the documented
// form alone: the lists of an earlier service do not say which of them was
// asked for. What is no page is [ErrDecode].
func (p *ItemsPage) UnmarshalJSON(document []byte) error {
	return unmarshal(document, p, decodeItemsPage(""))
}

// Item is one inspected or training product with its images and assessments.
type Item struct {
	// ItemID identifies the item. The service makes it from the name of the
	// uploaded file, without the extension. It is never empty in a response.
	ItemID string `json:"item_id"`
	// Name as the service sends it. The documentation does not say how it
	// differs from ItemID.
	Name string `json:"name"`
	// Status tells whether the item waits. Done does not prove that a given
	// model has predicted it: look for that model's assessment.
	Status ItemStatus `json:"status"`
	// Active as the service sends it; the documentation does not explain it.
	// Null reads as false.
	Active bool `json:"active"`
	// IsTrainingData is true for training items, false for items to inspect.
	IsTrainingData bool `json:"is_training_data"`
	// Images are the uploaded images; fetch one with [Client.GetImage]. An item
	// may hold several, such as the sides of a box. Nil for none.
	Images []ImageMeta `json:"images"`
	// UserAssessment is what a person said about the item, nil for nothing.
	UserAssessment *UserAssessment `json:"user_assessment"`
	// Assessments are what models said about the item, in the service's order. They
	// are empty or nil when no model did, or when they were not asked for: see
	// [GetItemOptions]. An item of an earlier service has one for each model: its
	// verdict on the item as a whole, not those on single images.
	Assessments []Assessment `json:"assessments"`
}

// UnmarshalJSON reads an item as [Client.GetItem] does, in any form that the
// service was seen to send it in, with ids as strings or as numbers. Unlike there
// the id may be missing. What is not an item is [ErrDecode], and leaves i as it
// was; null does too.
//
// A struct that embeds an Item is read by this method, its other fields are not:
// have the Item as a field with a name.
func (i *Item) UnmarshalJSON(document []byte) error { return unmarshal(document, i, readItem) }

// Verdict returns the verdict on the item. A person's label wins, and is
// [VerdictUnknown] where it is neither OK nor NG. Without one it is that of
// [Item.Assessment], and [VerdictUnknown] where there is none.
func (i *Item) Verdict(modelID string) Verdict {
	if i != nil && i.UserAssessment != nil && i.UserAssessment.Label != "" {
		return i.UserAssessment.Label.verdict()
	}
	if a := i.Assessment(modelID); a != nil {
		return a.Label.verdict()
	}
	return VerdictUnknown
}

// Assessment returns the last assessment of the model with the given id, or of
// any model when modelID is "" or [ActiveModel]: an item does not tell which model
// was the active one. It is nil when there is none, and for a nil item.
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
	// of 40 hexadecimal digits, for which no address is documented.
	URL string `json:"url"`
	// Name is the image's name as the service has it, "" for none.
	Name string `json:"name"`
	// Width in pixels; zero means unknown.
	Width int `json:"width"`
	// Height in pixels; zero means unknown.
	Height int `json:"height"`
	// FileSize in bytes; zero means unknown.
	FileSize int64 `json:"file_size"`
}

// UnmarshalJSON reads an image as [Client.GetItem] does, numbers and strings
// for each other. Anything else is [ErrDecode].
func (m *ImageMeta) UnmarshalJSON(document []byte) error { return unmarshal(document, m, decodeImage) }

// UserAssessment is a person's verdict on an item.
type UserAssessment struct {
	// Label is empty when the person has not labeled the item.
	Label Label `json:"label"`
	// Result is the service's description of the verdict, "" for none.
	Result string `json:"result"`
	// Annotations are the boxes a person drew, nil for none. The documentation
	// does not say whether those of [Client.AnnotateItem] appear here.
	Annotations []Annotation `json:"annotations"`
	// Images are the images of the assessment, nil for none. The documentation
	// does not say what they show.
	Images []ImageMeta `json:"images"`
}

// UnmarshalJSON reads an assessment as [Client.GetItem] does, numbers and
// strings for each other. Anything else is [ErrDecode].
func (u *UserAssessment) UnmarshalJSON(document []byte) error {
	return unmarshal(document, u, decodeUserAssessment)
}

// Assessment is a model's verdict on an item.
type Assessment struct {
	// ModelID is that of the model whose verdict it is; "" where a service of
	// July 2019 does not tell it.
	ModelID string `json:"model_id"`
	// Label is the verdict, [LabelOK] or [LabelNG]; "" when the service says null.
	Label Label `json:"label"`
	// Result is the service's description of the verdict, "" for none.
	Result string `json:"result"`
	// AnomalyScore is the score as the service writes it, "" for null; see
	// [Assessment.Score].
	AnomalyScore string `json:"anomaly_score"`
	// DetectedObjects counts the defects found; nil when the service says null.
	DetectedObjects *int `json:"detected_objects"`
	// DetectionAccuracy as the service sends it, in no documented unit (100 was
	// seen); nil when it says null.
	DetectionAccuracy *float64 `json:"detection_accuracy"`
	// Annotations are the defects' boxes, nil for none.
	Annotations []Annotation `json:"annotations"`
	// Images are images made for the assessment, such as a heat map; nil for none.
	Images []ImageMeta `json:"images"`
}

// UnmarshalJSON reads an assessment as [Client.GetItem] does, numbers and
// strings for each other. Anything else is [ErrDecode].
func (a *Assessment) UnmarshalJSON(document []byte) error {
	return unmarshal(document, a, decodeAssessment)
}

// Score returns AnomalyScore as a number, and false where there is none or it is
// not one, and for a nil assessment, as [Item.Assessment] returns it.
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

// Annotation is a defect's box, in pixels of the item's image, with what is known
// about the defect. The service may scale an image before it looks for defects;
// the documentation does not say whether boxes are in pixels of the scaled image.
type Annotation struct {
	// AnnotationID identifies the annotation; zero when the service does not say.
	AnnotationID int `json:"annotation_id"`
	// XMin is the box's left edge in pixels; nil when the service says null.
	XMin *float64 `json:"x_min"`
	// XMax is the box's right edge in pixels; nil when the service says null.
	XMax *float64 `json:"x_max"`
	// YMin is the box's upper edge in pixels; nil when the service says null.
	YMin *float64 `json:"y_min"`
	// YMax is the box's lower edge in pixels; nil when the service says null.
	YMax *float64 `json:"y_max"`
	// Label is a number of the user's choice, nil for none; it is not an OK/NG
	// [Label].
	Label *int `json:"label"`
	// DefectSize as the service measures it, nil when it says null; the
	// documentation gives no unit.
	DefectSize *float64 `json:"defect_size"`
	// Notes are a person's words, "" for none.
	Notes string `json:"notes"`
	// CreatedAt is when the annotation was made, zero when the service does not
	// say.
	CreatedAt Time `json:"created_at"`
}

// UnmarshalJSON reads an annotation as [Client.GetItem] does, numbers and
// strings for each other. Anything else is [ErrDecode].
func (a *Annotation) UnmarshalJSON(document []byte) error {
	return unmarshal(document, a, decodeAnnotation)
}

// Rect returns the box as the smallest pixel rectangle that holds it, and
// false when an edge is missing or no image could have it: edges that are
// reversed, not finite or beyond 32 bits.
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
