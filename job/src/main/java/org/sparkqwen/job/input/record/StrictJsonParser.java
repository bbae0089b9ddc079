package org.sparkqwen.job.input.record;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.util.JsonParserDelegate;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/// A JSON parser that refuses what Spark would change silently. That is half of a surrogate pair, which becomes a
/// question mark; a duplicate key in an object, of which one value is lost; and text after the value.
final class StrictJsonParser extends JsonParserDelegate {
    private final byte[] json;

    private StrictJsonParser(JsonParser parser, byte[] json) {
        super(parser);
        this.json = json;
    }

    static StrictJsonParser of(JsonFactory factory, byte[] json) throws IOException {
        JsonParser parser = factory.createParser(json);
        parser.enable(Feature.STRICT_DUPLICATE_DETECTION);
        return new StrictJsonParser(parser, json);
    }

    @Override
    public @Nullable JsonToken nextToken() throws IOException {
        return checkEnd(super.nextToken());
    }

    @Override
    public JsonParser skipChildren() throws IOException {
        super.skipChildren();
        checkEnd(currentToken());
        return this;
    }

    /// Refuses anything but white space after the value at the top.
    private @Nullable JsonToken checkEnd(@Nullable JsonToken token) throws IOException {
        if (token != null && token.isStructEnd() && getParsingContext().inRoot()) {
            for (int i = (int) currentLocation().getByteOffset(); i < json.length; i++) {
                if (!Character.isWhitespace(json[i])) {
                    throw new JsonParseException(this, "there is more behind the value");
                }
            }
        }
        return token;
    }

    @Override
    public @Nullable String getText() throws IOException {
        return whole(super.getText());
    }

    @Override
    public char[] getTextCharacters() throws IOException {
        whole(super.getText());
        return super.getTextCharacters();
    }

    @Override
    public @Nullable String currentName() throws IOException {
        return whole(super.currentName());
    }

    private @Nullable String whole(@Nullable String text) throws IOException {
        if (text == null) {
            return text;
        }
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (!Character.isHighSurrogate(c)
                        || i + 1 == text.length()
                        || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    String name = super.currentName();
                    throw new JsonParseException(
                            this,
                            "\\u%04x is half of a surrogate pair, which is no character%s"
                                    .formatted((int) c, name == null ? "" : ", in the value of '%s'".formatted(name)));
                }
                i++;
            }
        }
        return text;
    }
}
