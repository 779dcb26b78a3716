package hacarus

// What holds for every exported type, whatever file it is in: zero values and nil.

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// exportedTypes are all of the package by their names: those that decoders read,
// and these.
func exportedTypes() map[string]reflect.Type {
	all := []reflect.Type{
		reflect.TypeFor[AddItemsRequest](), reflect.TypeFor[Attempt](), reflect.TypeFor[BaseError](), reflect.TypeFor[Call](),
		reflect.TypeFor[CallbackOption](), reflect.TypeFor[CallbackReceiver](), reflect.TypeFor[Callbacks](), reflect.TypeFor[Client](),
		reflect.TypeFor[Download](), reflect.TypeFor[ErrorDetails](), reflect.TypeFor[ErrorSource](), reflect.TypeFor[File](),
		reflect.TypeFor[GetItemOptions](), reflect.TypeFor[ImageSize](), reflect.TypeFor[ImageSizesError](),
		reflect.TypeFor[InspectProgress](), reflect.TypeFor[InspectRequest](), reflect.TypeFor[Inspection](), reflect.TypeFor[ItemStatus](),
		reflect.TypeFor[ItemType](), reflect.TypeFor[JournalEntry](), reflect.TypeFor[JournalStore](), reflect.TypeFor[KeyValueError](),
		reflect.TypeFor[Label](), reflect.TypeFor[ListItemsOptions](), reflect.TypeFor[ListModelsOptions](), reflect.TypeFor[ModelStatus](),
		reflect.TypeFor[Option](), reflect.TypeFor[Outcome](), reflect.TypeFor[OverrideParam](), reflect.TypeFor[RequestAnnotation](),
		reflect.TypeFor[RequestError](), reflect.TypeFor[ResponseInfo](), reflect.TypeFor[RetryPolicy](), reflect.TypeFor[Time](),
		reflect.TypeFor[TrainRequest](), reflect.TypeFor[TrainingError](), reflect.TypeFor[UploadProgress](),
		reflect.TypeFor[UploadRequest](), reflect.TypeFor[Uploaded](), reflect.TypeFor[Verdict](), reflect.TypeFor[WaitError](),
		reflect.TypeFor[WaitOption](), reflect.TypeFor[WaitProgress](),
	}
	for _, g := range taggedTypes {
		all = append(all, g.typ)
	}
	types := map[string]reflect.Type{}
	for _, typ := range all {
		types[typ.Name()] = typ
	}
	return types
}

// exportedMethod is one that the package declares: those that a type has of what
// it embeds are not the package's.
type exportedMethod struct {
	typ, name string
	pointer   bool // its receiver
}

// declaredNames are the exported types and methods of the package, as its files
// declare them.
func declaredNames(t *testing.T) (types []string, methods []exportedMethod) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if n.Name.IsExported() {
					types = append(types, n.Name.Name)
				}
			case *ast.FuncDecl:
				if n.Recv != nil && n.Name.IsExported() {
					receiver, pointer := n.Recv.List[0].Type, false
					if star, ok := receiver.(*ast.StarExpr); ok {
						receiver, pointer = star.X, true
					}
					if name, ok := receiver.(*ast.Ident); ok && name.IsExported() {
						methods = append(methods, exportedMethod{name.Name, n.Name.Name, pointer})
					}
				}
				return false
			}
			return true
		})
	}
	slices.Sort(types)
	return types, methods
}

// TestExportedTypesAreAll holds that exportedTypes is complete.
func TestExportedTypesAreAll(t *testing.T) {
	t.Parallel()
	declared, _ := declaredNames(t)
	require.Equal(t, declared, slices.Sorted(maps.Keys(exportedTypes())))
}

// zeroArguments are the arguments of a method when nobody has anything to say:
// zero, but for what no method can do without.
func zeroArguments(t *testing.T, method reflect.Type) []reflect.Value {
	t.Helper()
	var in []reflect.Value
	for n := range method.NumIn() {
		switch method.In(n) {
		case reflect.TypeFor[context.Context]():
			in = append(in, reflect.ValueOf(t.Context()))
		case reflect.TypeFor[io.Writer]():
			in = append(in, reflect.ValueOf(io.Discard))
		case reflect.TypeFor[http.ResponseWriter]():
			in = append(in, reflect.ValueOf(httptest.NewRecorder()))
		case reflect.TypeFor[*http.Request]():
			in = append(in, reflect.ValueOf(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)))
		case reflect.TypeFor[fmt.State]():
			in = append(in, reflect.ValueOf(discardedState{io.Discard}))
		default:
			in = append(in, reflect.Zero(method.In(n)))
		}
	}
	if method.IsVariadic() {
		in = in[:len(in)-1]
	}
	return in
}

// discardedState is a fmt.State whose output nobody wants.
type discardedState struct{ io.Writer }

func (discardedState) Width() (int, bool)     { return 0, false }
func (discardedState) Precision() (int, bool) { return 0, false }
func (discardedState) Flag(int) bool          { return false }

// requireNoPanic calls a method with zero arguments, and ranges over the iterator
// that comes back.
func requireNoPanic(t *testing.T, method reflect.Value) {
	t.Helper()
	require.NotPanics(t, func() {
		for _, out := range method.Call(zeroArguments(t, method.Type())) {
			if out.Kind() == reflect.Func {
				for range out.Seq2() {
					break
				}
			}
		}
	})
}

// TestZeroValues holds for every method of every exported type that it does not
// panic, whatever the receiver is: a zero value, a pointer to one, or nil.
func TestZeroValues(t *testing.T) {
	t.Parallel()
	types := exportedTypes()
	_, methods := declaredNames(t)
	require.NotEmpty(t, methods)
	for _, m := range methods {
		typ := types[m.typ]
		require.NotNil(t, typ, "%s is not among exportedTypes", m.typ)
		receivers := map[string]reflect.Value{"zero": reflect.New(typ)}
		if m.pointer { // others are called with a value, and none can be had of nil
			receivers["nil"] = reflect.Zero(reflect.PointerTo(typ))
		}
		for kind, receiver := range receivers {
			t.Run(m.typ+"."+m.name+" "+kind, func(t *testing.T) {
				t.Parallel()
				requireNoPanic(t, receiver.MethodByName(m.name))
			})
		}
	}
}

// TestNoAssessment: what is not there has no score and no verdict.
func TestNoAssessment(t *testing.T) {
	t.Parallel()
	for name, item := range map[string]*Item{"nil": nil, "zero": {}} {
		for _, modelID := range []string{"", "m1", ActiveModel} {
			require.Nil(t, item.Assessment(modelID), name)
			require.Equal(t, VerdictUnknown, item.Verdict(modelID), name)
			_, ok := item.Assessment(modelID).Score()
			require.False(t, ok, name)
		}
	}
}

// TestAssessmentOfActiveModel: which model is active an item does not tell, so
// it is any, as for "".
func TestAssessmentOfActiveModel(t *testing.T) {
	t.Parallel()
	item := &Item{Assessments: []Assessment{{ModelID: "m1", Label: LabelOK}, {ModelID: "m2", Label: LabelNG, AnomalyScore: "0.9"}}}
	require.Same(t, item.Assessment(""), item.Assessment(ActiveModel))
	require.Equal(t, VerdictNG, item.Verdict(ActiveModel))
	score, ok := item.Assessment(ActiveModel).Score()
	require.True(t, ok)
	require.InDelta(t, 0.9, score, 0)
}

// TestZeroDownload: a download that no call has made ends at once, with an error.
func TestZeroDownload(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]*Download{"nil": nil, "zero": {}, "without a body": NewDownload(nil, 3)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, err := io.ReadAll(d)
			require.ErrorIs(t, err, ErrInvalidArgument)
			require.Empty(t, content)
			path := filepath.Join(t.TempDir(), "file")
			require.ErrorIs(t, d.SaveFile(path), ErrInvalidArgument)
			require.NoFileExists(t, path)
			require.NoError(t, d.Close())
		})
	}
}
