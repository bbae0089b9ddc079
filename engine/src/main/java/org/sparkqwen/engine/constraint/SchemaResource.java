package org.sparkqwen.engine.constraint;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.URLDecoder;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.message.Quote;

/// A document, or a part of it with an `$id` of its own: what a JSON pointer in a `$ref` begins at.
final class SchemaResource {
    private final String id;
    private final JsonNode root;

    /// Where the root stands in the document.
    private final String pointer;

    /// The resource that this one is embedded in; null of a document.
    private final @Nullable SchemaResource parent;

    /// The resources within this one, by their root, so that each is one object.
    private final IdentityHashMap<JsonNode, SchemaResource> embedded = new IdentityHashMap<>();

    /// All places of the document that have a name, by `id` or `id#anchor`; of a document only, and made when
    /// first asked for.
    private @Nullable Map<String, Schema> named;

    /// @param id absolute, or empty if the document does not tell
    SchemaResource(String id, JsonNode root, String pointer) {
        this(id, root, pointer, null);
    }

    private SchemaResource(String id, JsonNode root, String pointer, @Nullable SchemaResource parent) {
        this.id = id;
        this.root = root;
        this.pointer = pointer;
        this.parent = parent;
    }

    /// The resource that `node` belongs to: one of its own if it has an `$id`, else this one.
    @SuppressWarnings("ReferenceEquality") // the same place of the same document
    SchemaResource within(JsonNode node, String place) {
        String given = idOf(node);
        if (given == null || node == root) {
            return this;
        }
        return embedded.computeIfAbsent(node, root -> new SchemaResource(resolved(id, given), root, place, this));
    }

    /// What `$id` says, unless it is an anchor, as in drafts before 2019; null if there is none.
    private static @Nullable String idOf(JsonNode node) {
        JsonNode id = node.get("$id");
        return id == null || !id.isTextual() || id.textValue().startsWith("#")
                ? null
                : id.textValue().replaceFirst("#$", "");
    }

    private static String resolved(String base, String reference) {
        try {
            return reference.isEmpty()
                    ? base
                    : URI.create(base).resolve(reference).toString();
        } catch (IllegalArgumentException _) {
            return reference;
        }
    }

    /// The schema that `reference`, which stands in this resource, names.
    ///
    /// @throws RefusedConstraint if there is no such one in the document
    Schema referenced(Schema reference) {
        String text = reference.text();
        int hash = text.indexOf('#');
        String document = hash < 0 ? text : text.substring(0, hash);
        String fragment = hash < 0 ? "" : text.substring(hash + 1);
        String quoted = "\"" + Quote.of(text) + "\"";
        SchemaResource target = this;
        if (!document.isEmpty()) {
            Schema found = places().get(resolved(id, document));
            if (found == null) {
                throw reference.refused(("%s is not in this document, and nothing is fetched; copy that schema into"
                                + " $defs, and refer to it like #/$defs/address")
                        .formatted(quoted));
            }
            target = found.resource();
        }
        if (fragment.isEmpty() || fragment.startsWith("/")) {
            return target.at(fragment, reference, quoted);
        }
        Schema found = places().get(target.id + "#" + fragment);
        if (found == null) {
            throw reference.refused("there is no $anchor %s".formatted(Quote.of(fragment)));
        }
        return found;
    }

    private Schema at(String path, Schema reference, String quoted) {
        JsonPointer steps;
        try {
            steps = JsonPointer.compile(URLDecoder.decode(path.replace("+", "%2B"), UTF_8));
        } catch (IllegalArgumentException _) {
            throw reference.refused("%s is no JSON pointer".formatted(quoted));
        }
        Schema found = new Schema(this, root, pointer);
        for (JsonPointer step = steps; !step.matches(); step = step.tail()) {
            String name = step.getMatchingProperty();
            if (found.node().isArray() && found.node().has(step.getMatchingIndex())) {
                found = found.at(step.getMatchingIndex());
            } else if (found.node().isObject() && found.has(name)) {
                found = found.at(name);
            } else {
                throw reference.refused("there is no %s".formatted(Quote.of(reference.text())));
            }
        }
        return found;
    }

    private Map<String, Schema> places() {
        if (parent != null) {
            return parent.places();
        }
        if (named == null) {
            named = new HashMap<>();
            Schema document = new Schema(this, root, pointer);
            named.put(id, document);
            addPlaces(document, false, named);
        }
        return named;
    }

    /// Values are no schemas, whatever their keys are called.
    ///
    /// @param byNames whether this holds schemas by names, which are no keywords
    private static void addPlaces(Schema schema, boolean byNames, Map<String, Schema> places) {
        JsonNode node = schema.node();
        String id = schema.resource().id;
        if (idOf(node) != null) {
            places.putIfAbsent(id, schema);
        }
        for (String keyword : new String[] {"$anchor", "$dynamicAnchor", "$id"}) {
            JsonNode name = node.get(keyword);
            if (name != null && name.isTextual() && (idOf(node) == null || !keyword.equals("$id"))) {
                places.putIfAbsent(id + "#" + name.textValue().replaceFirst("^#", ""), schema);
            }
        }
        if (node.isObject()) {
            for (String name : schema.names()) {
                if (byNames || !SchemaKeywords.holdsValues(name)) {
                    addPlaces(schema.at(name), !byNames && SchemaKeywords.holdsNames(name), places);
                }
            }
        } else if (node.isArray()) {
            for (int i = 0; i < node.size(); i++) {
                addPlaces(schema.at(i), false, places);
            }
        }
    }
}
