package rsm_test

import (
	"math"
	"strings"
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/rsm"
)

const ns = ` xmlns='http://jabber.org/protocol/rsm'`

func TestRequest(t *testing.T) {
	type row = codectest.Row[rsm.Request]
	codectest.Table(t, rsm.ParseRequest,
		row{Why: "no wishes", XML: `<set` + ns + `/>`, Want: rsm.Request{}},
		row{Why: "first page", XML: `<set` + ns + `><max>10</max></set>`, Want: rsm.Request{Max: rsm.Some(10)}},
		row{Why: "only the count", XML: `<set` + ns + `><max>0</max></set>`, Want: rsm.Request{Max: rsm.Some(0)}},
		row{Why: "next page", XML: `<set` + ns + `><max>10</max><after>a1</after></set>`, Want: rsm.Request{Max: rsm.Some(10), After: "a1"}},
		row{Why: "page before", XML: `<set` + ns + `><before>a1</before></set>`, Want: rsm.Request{Before: "a1", Backward: true}},
		row{Why: "last page", XML: `<set` + ns + `><max>10</max><before/></set>`, Want: rsm.Request{Max: rsm.Some(10), Backward: true}},
		row{Why: "page out of order", XML: `<set` + ns + `><max>10</max><index>371</index></set>`, Want: rsm.Request{Max: rsm.Some(10), Index: rsm.Some(371)}},
		row{Why: "an empty after means the start", XML: `<set` + ns + `><after/></set>`, Want: rsm.Request{}, Out: `<set` + ns + `/>`},
		row{Why: "everything, please", XML: `<set` + ns + `><max>2147483648</max></set>`, Want: rsm.Request{Max: rsm.Some(math.MaxInt32)}, Out: `<set` + ns + `><max>2147483647</max></set>`},
		row{Why: "beyond 64 bits", XML: `<set` + ns + `><max>18446744073709551616</max></set>`, Want: rsm.Request{Max: rsm.Some(math.MaxInt32)}, Out: `<set` + ns + `><max>2147483647</max></set>`},
		row{Why: "negative", XML: `<set` + ns + `><max>-1</max></set>`, Err: "bad-request"},
		row{Why: "a number that is none", XML: `<set` + ns + `><max>ten</max></set>`, Err: "bad-request"},
		row{Why: "a maximum left empty", XML: `<set` + ns + `><max/></set>`, Err: "bad-request"},
		row{Why: "an id as long as a book", XML: `<set` + ns + `><after>` + strings.Repeat("x", rsm.MaxID+1) + `</after></set>`, Err: "bad-request"},
		row{Why: "an id with quotes stays an id", XML: `<set` + ns + `><after>' OR 1=1 --</after></set>`, Want: rsm.Request{After: "' OR 1=1 --"}},
		row{Why: "another element", XML: `<x` + ns + `/>`, Err: "bad-request"},
	)
}

func TestResult(t *testing.T) {
	type row = codectest.Row[rsm.Result]
	codectest.Table(t, rsm.ParseResult,
		row{Why: "a page", XML: `<set` + ns + `><first index='0'>a1</first><last>a9</last><count>800</count></set>`,
			Want: rsm.Result{First: "a1", Last: "a9", Index: rsm.Some(0), Count: rsm.Some(800)}},
		row{Why: "a page without counts", XML: `<set` + ns + `><first>a1</first><last>a1</last></set>`, Want: rsm.Result{First: "a1", Last: "a1"}},
		row{Why: "an empty page", XML: `<set` + ns + `><count>790</count></set>`, Want: rsm.Result{Count: rsm.Some(790)}},
		row{Why: "half a page", XML: `<set` + ns + `><first>a1</first></set>`, Err: "bad-request"},
		row{Why: "an index that is none", XML: `<set` + ns + `><first index='x'>a1</first><last>a1</last></set>`, Err: "bad-request"},
	)
}
