package config

import "go.yaml.in/yaml/v3"

// entry is a key of a mapping and its value.
type entry struct {
	name  string
	line  int
	value *yaml.Node
}

// entries lists the keys of a mapping, and after them those that merges (<<)
// add to it. It reports keys that come twice.
func (d *decoder) entries(path string, n *yaml.Node) []entry {
	if d.merging[n] {
		d.spoil(path, "an alias leads back to itself")
		return nil
	}
	d.merging[n] = true
	defer delete(d.merging, n)

	var list, merges []entry
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content) && d.visit(path); i += 2 {
		key := target(n.Content[i])
		if key.Kind != yaml.ScalarNode {
			d.addAt(n.Content[i].Line, path, "a key must be a word")
			continue
		}
		e := entry{key.Value, n.Content[i].Line, n.Content[i+1]}
		line, twice := first[e.name]
		switch {
		case twice:
			d.addAt(e.line, child(path, e.name), "set before, in line %d", line)
			continue
		case e.name == "<<" && key.ShortTag() == "!!merge":
			merges = append(merges, e)
		default:
			list = append(list, e)
		}
		first[e.name] = e.line
	}
	for _, m := range merges {
		for _, e := range d.merged(path, m) {
			if _, ok := first[e.name]; !ok {
				first[e.name] = e.line
				list = append(list, e)
			}
		}
	}
	return list
}

// merged lists what a merge brings in: of several mappings, an earlier one
// goes before a later one.
func (d *decoder) merged(path string, m entry) (list []entry) {
	value := target(m.value)
	sources := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		sources = value.Content
	}
	for _, source := range sources {
		source = target(source)
		if source.Kind != yaml.MappingNode {
			d.addAt(m.line, child(path, "<<"), "must be an alias of a mapping, or a list of such")
			continue
		}
		list = append(list, d.entries(path, source)...)
	}
	return list
}
