package path

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// play runs a plan: traffic in bursts, something goes wrong every now and then, in the end all heals.
func play(w *world, bursts int) {
	w.after(0, func() { w.serverUp(false) })
	for range bursts {
		for range w.dice(12) {
			if w.fail != "" {
				return
			}
			w.send()
			w.run(w.ms(0, int(w.plan.pace/time.Millisecond)))
		}
		if w.plan.faults {
			for range w.dice(3) {
				w.mischief()
			}
		}
		w.run(w.ms(0, 1500))
	}
	w.check(false)
	w.heal()
	w.run(2 * time.Minute)
	w.send()
	w.run(time.Minute)
	w.check(true)
	if mode, id := w.chat.Mode(); mode != ViaLink || w.links[id].kind != Direct {
		w.failf("%v although a direct link has worked for minutes", mode)
	}
}

var plans = map[string]plan{
	"auto":         {receipts: true, faults: true, pace: 80 * time.Millisecond},
	"fast":         {receipts: true, faults: true, pace: 3 * time.Millisecond},
	"lossy":        {receipts: true, faults: true, loss: 5, pace: 80 * time.Millisecond},
	"restarts":     {receipts: true, faults: true, restarts: true, pace: 80 * time.Millisecond},
	"two devices":  {receipts: true, faults: true, devices: 2, pace: 80 * time.Millisecond},
	"mixed routes": {receipts: true, faults: true, routes: true, pace: 80 * time.Millisecond},
}

// TestNothingLostDoubledOrOutOfOrder is promise 2 as a property: millions of steps over two kinds of path that lose, delay, stall,
// die and come back, and a peer that drops second copies.
func TestNothingLostDoubledOrOutOfOrder(t *testing.T) {
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goal := 3_000_000
			if testing.Short() {
				goal = 200_000
			}
			steps := 0
			for seed := uint64(1); steps < goal; seed++ {
				r := rand.New(rand.NewPCG(seed, 7))
				w := newWorld(p, r.IntN)
				play(w, 40)
				if w.fail != "" {
					t.Fatalf("seed %d: %s", seed, w.fail)
				}
				steps += w.steps
			}
			t.Logf("%d steps", steps)
		})
	}
}

// TestModelShrinks is the same world with a dice that rapid can shrink to the shortest story that fails.
func TestModelShrinks(t *testing.T) {
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(p, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "dice") })
				play(w, 4)
				if w.fail != "" {
					t.Fatal(w.fail)
				}
			})
		})
	}
}
