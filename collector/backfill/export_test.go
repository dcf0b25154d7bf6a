package backfill

// SetLimits changes how much is held at a time and how many keys a file has; 0: as it is.
func SetLimits(o *Options, cells, keys int) { o.maxCells, o.maxKeys = cells, keys }
