package main

import (
	"io"
	"strings"
	"testing"
)

const stream = `{"Action":"start","Package":"godwit/a"}
{"Action":"run","Package":"godwit/a","Test":"TestGood"}
{"Action":"output","Package":"godwit/a","Test":"TestGood","Output":"noise\n"}
{"Action":"output","Package":"godwit/a","Test":"TestGood","Output":"lab| a row\n"}
{"Action":"pass","Package":"godwit/a","Test":"TestGood","Elapsed":0.1}
{"Action":"output","Package":"godwit/a","Test":"TestBad","Output":"    a_test.go:7: reason\n"}
{"Action":"fail","Package":"godwit/a","Test":"TestBad","Elapsed":0.1}
{"Action":"output","Package":"godwit/a","Test":"TestNot","Output":"    a_test.go:9: no tmux here\n"}
{"Action":"skip","Package":"godwit/a","Test":"TestNot","Elapsed":0}
{"Action":"output","Package":"godwit/a","Test":"TestLasting","Output":"    suite.go:18: this implementation keeps nothing\n"}
{"Action":"skip","Package":"godwit/a","Test":"TestLasting","Elapsed":0}
{"Action":"fail","Package":"godwit/a","Elapsed":4}
{"ImportPath":"godwit/b","Action":"build-output","Output":"b.go:1: no such thing\n"}
{"Action":"output","Package":"godwit/b","Output":"FAIL\tgodwit/b [build failed]\n"}
{"Action":"fail","Package":"godwit/b","Elapsed":0,"FailedBuild":"godwit/b"}
{"Action":"pass","Package":"godwit/c","Elapsed":9}
`

func TestCountsAndShows(t *testing.T) {
	res := newResults()
	var out strings.Builder
	res.read(strings.NewReader(stream), &out)
	if res.passed != 1 || strings.Join(res.failed, " ") != "a.TestBad b" || len(res.skipped) != 2 {
		t.Errorf("%d passed, failed %q, skipped %v", res.passed, res.failed, res.skipped)
	}
	for _, want := range []string{"a_test.go:7: reason", "b.go:1: no such thing", "ok godwit/c", "a row\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "noise") {
		t.Error("the output of a test that passed is shown")
	}
	if got := res.longest(1); got != "c 9.0s" {
		t.Errorf("the longest is %q", got)
	}
}

func TestSkipsOfOtherReasonsCount(t *testing.T) {
	res := newResults()
	res.read(strings.NewReader(stream), io.Discard)
	r := &run{}
	if n := r.skips(res); n != 1 || r.skipped != 2 || !strings.Contains(strings.Join(r.notes, " "), "no tmux here") {
		t.Errorf("%d unexpected of %d, notes %q", n, r.skipped, r.notes)
	}
}

func TestFindsFuzzTargets(t *testing.T) {
	found, err := targets("../../jid")
	if err != nil || len(found) == 0 || !strings.HasPrefix(found[0].name, "Fuzz") {
		t.Errorf("%v, %v", found, err)
	}
}

func TestChoose(t *testing.T) {
	if _, err := choose([]string{"vet", "nonsense"}); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a stage that is not there: %v", err)
	}
	if all, err := choose(nil); err != nil || len(all) != len(stages) {
		t.Errorf("%d stages, %v", len(all), err)
	}
}

func TestMissingFailsInCI(t *testing.T) {
	here, ci := &run{ctx: t.Context()}, &run{ctx: t.Context(), ci: true}
	skip := stage{name: "s", run: func(r *run) error { return r.missing("no such program") }}
	if !here.all([]stage{skip}) || ci.all([]stage{skip}) {
		t.Error("what is missing must be skipped here and fail in CI")
	}
}
