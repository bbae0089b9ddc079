package org.sparkqwen.engine.constraint;

import java.util.LinkedHashSet;
import java.util.Set;

/// How a schema comes to allow some values.
///
/// @param implied whether the schema has no type and says nothing about values of this kind, but something
///     about others: they are valid by it, but nobody means them
/// @param references the schemas that `$ref` led to, with which a schema may lead back to itself
record Origin(boolean implied, Set<Schema> references) {
    static final Origin IMPLIED = new Origin(true, Set.of());
    static final Origin MEANT = new Origin(false, Set.of());

    static Origin of(boolean implied) {
        return implied ? IMPLIED : MEANT;
    }

    /// The origin of values that are valid by two schemas.
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
