package org.sparkqwen.engine.constraint.schema;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.constraint.automaton.Language;
import org.sparkqwen.engine.constraint.automaton.RefusedConstraint;
import org.sparkqwen.engine.message.Quote;

/// A schema or the value of a keyword, together with its place in the document. Two schemas are equal if they
/// are at the same place.
final class Schema {
    /// The schema under which no value is valid.
    static final Schema FALSE = new Schema(new SchemaResource("", BooleanNode.FALSE, "#"), BooleanNode.FALSE, "#");

    /// The schema under which every value is valid, and every value within it.
    static final Schema TRUE = new Schema(new SchemaResource("", BooleanNode.TRUE, "#"), BooleanNode.TRUE, "#");

    /// The highest number of characters of a string, or of items of an array.
    private static final BigDecimal HIGHEST_COUNT = BigDecimal.valueOf(1_000_000_000);

    /// The resource to which a `$ref` in this schema is relative.
    private final SchemaResource resource;

    private final JsonNode node;
    private final String pointer;

    /// @param pointer a JSON pointer as a URI fragment, such as `#/properties/age`
    Schema(SchemaResource resource, JsonNode node, String pointer) {
        this.resource = resource.within(node, pointer);
        this.node = node;
        this.pointer = pointer;
    }

    SchemaResource resource() {
        return resource;
    }

    JsonNode node() {
        return node;
    }

    String pointer() {
        return pointer;
    }

    boolean has(String keyword) {
        return node.has(keyword);
    }

    /// Returns the value of `keyword`, which must be there.
    Schema at(String keyword) {
        String step = keyword.replace("~", "~0").replace("/", "~1");
        return new Schema(resource, node.required(keyword), pointer + "/" + step);
    }

    /// Returns the element `index` of this list, which must be there.
    Schema at(int index) {
        return new Schema(resource, node.required(index), pointer + "/" + index);
    }

    /// Returns this as a text.
    ///
    /// @throws RefusedConstraint if it is not a text
    String text() {
        if (!node.isTextual()) {
            throw refused("expected a string");
        }
        return node.textValue();
    }

    /// Returns the flag `keyword`, or false if there is no such keyword.
    ///
    /// @throws RefusedConstraint if it is neither true nor false
    boolean flag(String keyword) {
        if (!has(keyword)) {
            return false;
        }
        Schema flag = at(keyword);
        if (!flag.node.isBoolean()) {
            throw flag.refused("expected true or false");
        }
        return flag.node.booleanValue();
    }

    /// Returns the elements of the list `keyword`.
    ///
    /// @throws RefusedConstraint if it is not a list, or is empty
    List<Schema> elements(String keyword) {
        Schema list = at(keyword);
        if (!list.node.isArray() || list.node.isEmpty()) {
            throw list.refused("expected a list that is not empty");
        }
        List<Schema> elements = new ArrayList<>();
        for (int i = 0; i < list.node.size(); i++) {
            elements.add(list.at(i));
        }
        return elements;
    }

    /// Returns the texts of the list `keyword`, or no texts if there is no such keyword.
    ///
    /// @throws RefusedConstraint if it is not a list of texts
    List<String> texts(String keyword) {
        List<String> texts = new ArrayList<>();
        if (has(keyword)) {
            Schema list = at(keyword);
            if (!list.node.isArray()) {
                throw list.refused("expected a list");
            }
            for (JsonNode each : list.node) {
                if (!each.isTextual()) {
                    throw list.refused("expected a list of strings");
                }
                texts.add(each.textValue());
            }
        }
        return texts;
    }

    /// Returns the names in this object, which are keywords or properties.
    ///
    /// @throws RefusedConstraint if it is not an object
    List<String> names() {
        if (!node.isObject()) {
            throw refused("expected a JSON object");
        }
        List<String> names = new ArrayList<>();
        node.fieldNames().forEachRemaining(names::add);
        return names;
    }

    /// Returns the number `keyword`, or null if there is no such keyword.
    ///
    /// @throws RefusedConstraint if it is not a number
    @Nullable
    BigDecimal number(String keyword) {
        if (!has(keyword)) {
            return null;
        }
        Schema number = at(keyword);
        if (!number.node.isNumber()) {
            throw number.refused("expected a number");
        }
        return number.node.decimalValue();
    }

    /// Returns the lower limit `keyword`, or 0 if there is no such keyword.
    ///
    /// @throws RefusedConstraint if it is not a whole number of at least 0, or is too high for any text
    int least(String keyword) {
        BigDecimal count = count(keyword);
        if (count.compareTo(HIGHEST_COUNT) > 0) {
            throw at(keyword).refused("too large: more than %,d".formatted(HIGHEST_COUNT.intValueExact()));
        }
        return count.intValueExact();
    }

    /// Returns the upper limit `keyword`, or [Language#UNBOUNDED] if there is no such keyword. A limit that
    /// no text reaches is lowered.
    ///
    /// @throws RefusedConstraint if it is not a whole number of at least 0
    int most(String keyword) {
        // The number is compared first, because the digits of 1e2147483647 do not fit into memory.
        return has(keyword) ? count(keyword).min(HIGHEST_COUNT).intValueExact() : Language.UNBOUNDED;
    }

    private BigDecimal count(String keyword) {
        BigDecimal number = number(keyword);
        if (number == null) {
            return BigDecimal.ZERO;
        }
        if (number.signum() < 0 || !JsonValues.isWhole(number)) {
            throw at(keyword).refused("expected a whole number, 0 or more");
        }
        return number;
    }

    /// Returns the schema that this schema's `$ref` names.
    ///
    /// @throws RefusedConstraint if it is not a schema of this document
    Schema referenced() {
        return resource.referenced(at("$ref"));
    }

    RefusedConstraint refused(String reason) {
        return new RefusedConstraint(reason).at(Quote.line(pointer));
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // compares places of the same document
    public boolean equals(Object other) {
        return other instanceof Schema schema && schema.node == node && schema.resource == resource;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(node);
    }
}
