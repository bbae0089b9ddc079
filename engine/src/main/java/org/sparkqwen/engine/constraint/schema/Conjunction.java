package org.sparkqwen.engine.constraint.schema;

import java.util.LinkedHashSet;
import java.util.Set;

/// Schemas under which a value must be valid, and schemas under which it must not be valid.
///
/// @param terms the schemas; there are none if any value is allowed
record Conjunction(Set<Term> terms) {
    static final Conjunction ANYTHING = new Conjunction(Set.of());

    /// @param holds whether a value must be valid under `schema`, or must not be
    record Term(Schema schema, boolean holds) {
        static final Term NEVER = new Term(Schema.FALSE, true);

        Term negated() {
            return new Term(schema, !holds);
        }
    }

    static Conjunction of(Schema schema) {
        return ANYTHING.and(new Term(schema, true));
    }

    Conjunction and(Term term) {
        boolean anything = SchemaKeywords.saysNothing(term.schema());
        if (anything && term.holds()) {
            return this;
        }
        Set<Term> more = new LinkedHashSet<>(terms);
        more.add(anything ? Term.NEVER : term);
        return new Conjunction(more);
    }

    /// Returns where a person finds the conjunction, which is the place of its first schema.
    String pointer() {
        return terms.stream().map(each -> each.schema().pointer()).findFirst().orElse("#");
    }
}
