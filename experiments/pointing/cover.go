package pointing

import (
	"image"

	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// cover is, for each cell of a grid laid over a scene, the share 0..1 of its area that lies in the box of at least one of the
// objects: the box around the pixels in sight. rows and columns of cells are of equal size, and may be of part pixels.
func cover(scene scenes.Scene, objects []int, grid int) []float64 {
	inside := make([]bool, scene.Side*scene.Side)
	for _, k := range objects {
		box := scene.Objects[k].Box
		for y := box.Min.Y; y < box.Max.Y; y++ {
			for x := box.Min.X; x < box.Max.X; x++ {
				inside[y*scene.Side+x] = true
			}
		}
	}
	out := make([]float64, grid*grid)
	cell := float64(scene.Side) / float64(grid)
	for y := range scene.Side {
		for x := range scene.Side {
			if inside[y*scene.Side+x] {
				spread(out, grid, cell, image.Pt(x, y))
			}
		}
	}
	for i := range out {
		out[i] /= cell * cell
	}
	return out
}

// spread adds a pixel's area to the cells that it lies in.
func spread(area []float64, grid int, cell float64, p image.Point) {
	for row := int(float64(p.Y) / cell); row < grid && float64(row)*cell < float64(p.Y+1); row++ {
		for col := int(float64(p.X) / cell); col < grid && float64(col)*cell < float64(p.X+1); col++ {
			area[row*grid+col] += overlap(p.Y, row, cell) * overlap(p.X, col, cell)
		}
	}
}

// overlap is the length that pixel p, from p to p+1, has in common with cell i, from i*cell to (i+1)*cell.
func overlap(p, i int, cell float64) float64 {
	return max(0, min(float64(p+1), float64(i+1)*cell)-max(float64(p), float64(i)*cell))
}

// inBox is the share of a map that lies in the covered cells: sum_i m_i cover_i / sum_i m_i. A map that is 0 everywhere
// looks nowhere in particular, and counts as an even one.
func inBox(m, cover []float64) float64 {
	inside, total := 0.0, 0.0
	for i, v := range m {
		inside, total = inside+v*cover[i], total+v
	}
	if total == 0 {
		return mean(cover)
	}
	return inside / total
}

// centres says of which cells the middle lies in the box of at least one of the objects.
func centres(scene scenes.Scene, objects []int, grid int) []float64 {
	out := make([]float64, grid*grid)
	cell := float64(scene.Side) / float64(grid)
	for i := range out {
		x, y := (float64(i%grid)+0.5)*cell, (float64(i/grid)+0.5)*cell
		for _, k := range objects {
			b := scene.Objects[k].Box
			if x >= float64(b.Min.X) && x < float64(b.Max.X) && y >= float64(b.Min.Y) && y < float64(b.Max.Y) {
				out[i] = 1
			}
		}
	}
	return out
}

// hit is the pointing game's hit (Zhang et al. 2016): 1 if the map's largest value lies in the box, as centres says of
// the middle of its cell, else 0. There is no tolerance. Where several values are the largest it is the mean over them: an
// even map hits by chance, as often as the middle of a cell lies in the box.
func hit(m, centres []float64) float64 {
	largest, sum, n := 0.0, 0.0, 0
	for i, v := range m {
		if n == 0 || v > largest {
			largest, sum, n = v, 0, 0
		}
		if v == largest {
			sum, n = sum+centres[i], n+1
		}
	}
	return sum / float64(n)
}

// peak is 1 where a map is largest, at the first of several places, and 0 elsewhere: the one place that hard attention
// takes when it writes.
func peak(m []float64) []float64 {
	out := make([]float64, len(m))
	best := 0
	for i, v := range m {
		if v > m[best] {
			best = i
		}
	}
	out[best] = 1
	return out
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(len(values), 1))
}
