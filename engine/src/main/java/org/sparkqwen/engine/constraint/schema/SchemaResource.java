package org.sparkqwen.engine.constraint.schema;

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

/// A document, or a part of one that has its own `$id`. A JSON pointer in a `$ref` is relative to it.
final class SchemaResource {
    private final String id;
    private final JsonNode root;

    /// The place of the root in the document.
    private final String pointer;

    /// The resource in which this one is embedded; null for a document.
    private final @Nullable SchemaResource parent;

    /// The resources within this one by their roots, so that each resource is one object.
    private final IdentityHashMap<JsonNode, SchemaResource> embedded = new IdentityHashMap<>();

    /// All places of a document that have a name, by `id` or `id#anchor`. Only a document has this map, and
    /// it is made when it is first needed.
    private @Nullable Map<String, Schema> named;

    /// @param id an absolute URI, or empty if the document does not tell
    SchemaResource(String id, JsonNode root, String pointer) {
        this(id, root, pointer, null);
    }

    private SchemaResource(String id, JsonNode root, String pointer, @Nullable SchemaResource parent) {
        this.id = id;
        this.root = root;
        this.pointer = pointer;
        this.parent = parent;
    }

    /// Returns the resource to which `node` belongs: one of its own if it has an `$id`, and otherwise this
    /// one.
    @SuppressWarnings("ReferenceEquality") // compares places of the same document
    SchemaResource within(JsonNode node, String place) {
        String given = idOf(node);
        if (given == null || node == root) {
            return this;
        }
        return embedded.computeIfAbsent(node, root -> new SchemaResource(resolved(id, given), root, place, this));
    }

    /// Returns the `$id` of a node. It is null if there is none, or if it is an anchor, as in drafts before
    /// 2019.
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

    /// Returns the schema that `reference` names, which stands in this resource.
    ///
    /// @throws RefusedConstraint if there is no such schema in the document
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

    /// Adds the named places within a schema. Values are not schemas, whatever their keys are called.
    ///
    /// @param byNames whether this object has schemas by names, which are not keywords
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
