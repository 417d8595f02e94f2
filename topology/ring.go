package topology

// rings numbers the strongly connected components that have more than one
// member, from 1 on in the order of their first members; other nodes have 0.
// This is Tarjan's algorithm with a stack of its own, so that a long chain of
// calls can not exhaust the program's.
// https://doi.org/10.1137/0201010
func rings(callees [][]int32) []int {
	w := walk{
		callees: callees, index: make([]int32, len(callees)), low: make([]int32, len(callees)),
		on: make([]bool, len(callees)), component: make([]int32, len(callees)),
	}
	for id := range callees {
		if w.index[id] == 0 {
			w.from(int32(id))
		}
	}
	out := make([]int, len(callees))
	number := make(map[int32]int)
	for id, c := range w.component {
		if w.size[c] < 2 {
			continue
		}
		if number[c] == 0 {
			number[c] = len(number) + 1
		}
		out[id] = number[c]
	}
	return out
}

// walk is the state of Tarjan's algorithm.
type walk struct {
	callees   [][]int32
	index     []int32 // order of discovery from 1 on; 0: not discovered
	low       []int32
	on        []bool  // on the stack
	stack     []int32 // discovered, without a component yet
	component []int32
	size      []int // by component
	seen      int32
	frames    []frame
}

// frame is a node that is being looked at, and its next callee to look at.
type frame struct {
	id   int32
	next int
}

func (w *walk) discover(id int32) {
	w.seen++
	w.index[id], w.low[id], w.on[id] = w.seen, w.seen, true
	w.stack = append(w.stack, id)
	w.frames = append(w.frames, frame{id: id})
}

func (w *walk) from(root int32) {
	w.discover(root)
	for len(w.frames) > 0 {
		f := &w.frames[len(w.frames)-1]
		id := f.id
		if f.next < len(w.callees[id]) {
			to := w.callees[id][f.next]
			f.next++
			switch {
			case w.index[to] == 0:
				w.discover(to)
			case w.on[to]:
				w.low[id] = min(w.low[id], w.index[to])
			}
			continue
		}
		w.frames = w.frames[:len(w.frames)-1]
		if n := len(w.frames); n > 0 {
			up := w.frames[n-1].id
			w.low[up] = min(w.low[up], w.low[id])
		}
		if w.low[id] == w.index[id] {
			w.close(id)
		}
	}
}

// close takes a complete component from the stack.
func (w *walk) close(root int32) {
	c := int32(len(w.size))
	w.size = append(w.size, 0)
	for {
		id := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		w.on[id], w.component[id] = false, c
		w.size[c]++
		if id == root {
			return
		}
	}
}
