package story

import "fmt"

// Tally follows the numbered messages of one person to another, from 0 on, as they
// are shown. It belongs to one goroutine.
type Tally struct {
	Got      int // different ones
	Doubled  int // shown again
	Disorder int // shown after a later one
	highest  int // and one more
	missing  map[int]bool
}

// Take notes a message.
func (t *Tally) Take(number int) {
	switch {
	case number >= t.highest:
		for n := t.highest; n < number; n++ {
			if t.missing == nil {
				t.missing = map[int]bool{}
			}
			t.missing[n] = true
		}
		t.highest = number + 1
		t.Got++
	case t.missing[number]:
		delete(t.missing, number)
		t.Disorder++
		t.Got++
	default:
		t.Doubled++
	}
}

// Lost is how many of the first n are still missing.
func (t *Tally) Lost(n int) int { return n - t.Got }

// Number reads the number of a message that a person made with Numbered.
func (p *Person) Number(body string) (n int, ok bool) {
	_, err := fmt.Sscanf(body, p.Name+" %d", &n)
	return n, err == nil && body == p.Numbered(n)
}
