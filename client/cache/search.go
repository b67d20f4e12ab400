package cache

import (
	"slices"
	"strings"
	"unicode"

	"godwit/jid"
)

// SearchQuery asks for messages that hold words.
type SearchQuery struct {
	// Text is split at white space; a message is found when its Body holds every part somewhere, also within a longer word. Case does
	// not count, nor whether letters are wide or narrow (see Fold).
	Text   string
	Chat   jid.JID // bare; zero means all chats
	Before Cursor  // only messages that stand before; zero means no bound
	// Max is the most to return; 0 or more than MaxHistoryPage means MaxHistoryPage.
	Max int
}

// MaxSearchWords and MaxSearchBytes bound what is searched for.
const (
	MaxSearchWords = 16
	MaxSearchBytes = 1024
)

// Check returns ErrInvalid for a question that makes no sense, and otherwise the folded words and the question with Max in bounds.
func (q SearchQuery) Check() (SearchQuery, []string, error) {
	words := Words(q.Text)
	switch {
	case !q.Chat.IsZero() && !q.Chat.IsBare():
		return q, nil, invalid("chat %q is not a bare address", q.Chat)
	case len(words) == 0:
		return q, nil, invalid("nothing to search for")
	case len(words) > MaxSearchWords || len(q.Text) > MaxSearchBytes:
		return q, nil, invalid("more than %d words or %d bytes to search for", MaxSearchWords, MaxSearchBytes)
	case q.Max < 0:
		return q, nil, invalid("negative number of messages")
	}
	if q.Max == 0 || q.Max > MaxHistoryPage {
		q.Max = MaxHistoryPage
	}
	q.Before.Time = Stamp(q.Before.Time)
	return q, words, nil
}

// Fold brings a text into the form in which it is searched: case folded character by character, letters and signs of full width
// (U+FF01 to U+FF5E) and the ideographic space as their narrow forms.
func Fold(s string) string { return strings.Map(foldRune, s) }

func foldRune(r rune) rune {
	switch {
	case r == '\u3000':
		return ' '
	case r >= '\uff01' && r <= '\uff5e':
		r -= 0xfee0
	}
	if r < 0x80 {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	// The least of all that are the same but for case, as lower case where that is one of them.
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return unicode.ToLower(least)
}

// Words gives the folded words of a text to search for.
func Words(text string) []string { return strings.Fields(Fold(text)) }

// Match reports whether a folded text holds every word.
func Match(folded string, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(folded, w) })
}

// Grams gives every pair of adjacent characters of a folded text once, in the order in which they appear first: for
// implementations that find by an index over them. A text that holds a word of two or more characters has all grams of that word;
// the other way round it must be checked with Match. Words of one character have none and need a scan.
func Grams(folded string) []string {
	var grams []string
	seen := map[string]bool{}
	last := -1
	for i, r := range folded {
		end := i + len(string(r))
		if last >= 0 {
			if g := folded[last:end]; !seen[g] {
				seen[g] = true
				grams = append(grams, g)
			}
		}
		last = i
	}
	return grams
}
