package story

import "testing"

func TestTally(t *testing.T) {
	for _, c := range []struct {
		why                     string
		numbers                 []int
		n                       int
		lost, doubled, disorder int
	}{
		{"as sent", []int{0, 1, 2}, 3, 0, 0, 0},
		{"nothing came", nil, 2, 2, 0, 0},
		{"the last is missing", []int{0, 1}, 3, 1, 0, 0},
		{"a gap", []int{0, 2}, 3, 1, 0, 0},
		{"a gap that is filled late", []int{0, 2, 1, 3}, 4, 0, 0, 1},
		{"twice", []int{0, 1, 1, 2}, 3, 0, 1, 0},
		{"twice, the second time late", []int{0, 1, 2, 0}, 3, 0, 1, 0},
		{"late and then again", []int{1, 0, 0}, 2, 0, 1, 1},
	} {
		var y Tally
		for _, n := range c.numbers {
			y.Take(n)
		}
		if y.Lost(c.n) != c.lost || y.Doubled != c.doubled || y.Disorder != c.disorder {
			t.Errorf("%s: lost %d, doubled %d, out of order %d; want %d, %d, %d", c.why, y.Lost(c.n), y.Doubled, y.Disorder, c.lost, c.doubled, c.disorder)
		}
	}
	p := &Person{Name: "alice"}
	for body, want := range map[string]int{"alice 7": 7, "alice 0": 0, "alice": -1, "bob 7": -1, "alice 7 x": -1, "alice 07": -1} {
		n, ok := p.Number(body)
		if ok != (want >= 0) || ok && n != want {
			t.Errorf("%q is %d, %v", body, n, ok)
		}
	}
}
