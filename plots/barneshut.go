package plots

// quadtree holds points of the plane for Barnes-Hut t-SNE (van der Maaten, 2014, section 4.2): cells in depth-first
// order, each with the centre and the number of its points.
type quadtree struct {
	cells []cell
	order []int32 // the points, those of a cell beside each other
}

type cell struct {
	x, y, mass float64 // the mean of the points, and how many
	reach      float64 // (width / theta)²: from beyond this squared distance the cell is as good as one point; -1: a leaf
	next       int32   // the cell after this one and all within it
}

// deepest bounds the tree where points lie in one place or almost.
const deepest = 48

// build replaces the tree by one of these points, [n, 2].
func (t *quadtree) build(points []float64, theta float64) {
	n := len(points) / 2
	t.cells = t.cells[:0]
	if len(t.order) != n {
		t.order = make([]int32, n)
		for i := range t.order {
			t.order[i] = int32(i)
		}
	}
	x, y := emptySpan(), emptySpan()
	for i := range n {
		x.add(points[2*i])
		y.add(points[2*i+1])
	}
	width := max(x.max-x.min, y.max-y.min)
	t.add(points, t.order, (x.min+x.max)/2, (y.min+y.max)/2, width, theta, 0)
}

// add appends the cell with this middle and width, and those within it.
func (t *quadtree) add(points []float64, order []int32, x, y, width, theta float64, depth int) {
	at := len(t.cells)
	t.cells = append(t.cells, cell{})
	sumX, sumY := 0.0, 0.0
	for _, i := range order {
		sumX += points[2*i]
		sumY += points[2*i+1]
	}
	c := cell{x: sumX / float64(len(order)), y: sumY / float64(len(order)), mass: float64(len(order)), reach: -1}
	if len(order) > 1 && depth < deepest && width > 0 {
		c.reach = width * width / (theta * theta)
		low, high := split(points, order, 1, y)
		for k, half := range [2][]int32{low, high} {
			left, right := split(points, half, 0, x)
			middle := y + width/4*float64(2*k-1)
			if len(left) > 0 {
				t.add(points, left, x-width/4, middle, width/2, theta, depth+1)
			}
			if len(right) > 0 {
				t.add(points, right, x+width/4, middle, width/2, theta, depth+1)
			}
		}
	}
	c.next = int32(len(t.cells))
	t.cells[at] = c
}

// split puts the points whose coordinate along the axis is less than middle first.
func split(points []float64, order []int32, axis int32, middle float64) (low, high []int32) {
	k := 0
	for j, i := range order {
		if points[2*i+axis] < middle {
			order[j], order[k] = order[k], i
			k++
		}
	}
	return order[:k], order[k:]
}

// repel sums over all other points, with w = 1/(1 + distance²): w² times the way from them to (x, y), which is a
// point of the tree, and w itself.
func (t *quadtree) repel(x, y float64) (forceX, forceY, sum float64) {
	cells := t.cells
	for at := 0; at < len(cells); {
		c := &cells[at]
		dx, dy := x-c.x, y-c.y
		squared := dx*dx + dy*dy
		if squared <= c.reach {
			at++
			continue
		}
		w := 1 / (1 + squared)
		mw := c.mass * w
		sum += mw
		forceX += mw * w * dx
		forceY += mw * w * dy
		at = int(c.next)
	}
	return forceX, forceY, sum - 1 // The point has met itself, in its leaf, at distance 0.
}
