package org.sparkqwen.engine.constraint.schema;

import java.util.LinkedHashSet;
import java.util.Set;

/// How a schema comes to allow some values.
///
/// @param implied whether the schema has no type and says nothing about values of this kind, but something
///     about values of other kinds; they are valid under it, but nobody means them
/// @param references the schemas to which `$ref` led; through them, a schema may lead back to itself
record Origin(boolean implied, Set<Schema> references) {
    static final Origin IMPLIED = new Origin(true, Set.of());
    static final Origin MEANT = new Origin(false, Set.of());

    static Origin of(boolean implied) {
        return implied ? IMPLIED : MEANT;
    }

    /// Returns the origin of values that are valid under two schemas.
    Origin and(Origin other) {
        boolean both = implied && other.implied;
        if (references.isEmpty() && other.references.isEmpty()) {
            return of(both);
        }
        Set<Schema> all = new LinkedHashSet<>(references);
        all.addAll(other.references);
        return new Origin(both, all);
    }
}
