package org.sparkqwen.job.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.introspect.AnnotatedMember;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;

/// The JSON format of a run's state. Its first member is the sha256 of all the rest, so that a file that was edited,
/// cut or mixed up is detected. Without it a forged number would look as valid as the true one.
///
/// Reading is strict. Every key must exist once, with a value of its type, and there must be no other key. A key may be
/// absent if its component is marked as not required.
final class SealedJson {
    private static final byte[] OPEN = "{\n  \"sha256\" : \"".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] UNSEALED = "0".repeat(64).getBytes(StandardCharsets.US_ASCII);
    private static final byte[] CLOSE = "\",".getBytes(StandardCharsets.US_ASCII);

    private static final ObjectMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .annotationIntrospector(new AllRequired())
            .enable(SerializationFeature.INDENT_OUTPUT)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .build();

    /// Makes every component of a record required, unless it says otherwise.
    private static final class AllRequired extends JacksonAnnotationIntrospector {
        private static final long serialVersionUID = 1L;

        @Override
        public Boolean hasRequiredMarker(AnnotatedMember member) {
            JsonProperty property = _findAnnotation(member, JsonProperty.class);
            return property == null || property.required();
        }
    }

    private SealedJson() {}

    static byte[] write(Object value) throws JsonProcessingException {
        byte[] members = JSON.writeValueAsBytes(value);
        byte[] sealed = new byte[OPEN.length + UNSEALED.length + CLOSE.length + members.length - 1];
        System.arraycopy(OPEN, 0, sealed, 0, OPEN.length);
        System.arraycopy(UNSEALED, 0, sealed, OPEN.length, UNSEALED.length);
        int next = OPEN.length + UNSEALED.length;
        System.arraycopy(CLOSE, 0, sealed, next, CLOSE.length);
        // The members lose their opening brace.
        System.arraycopy(members, 1, sealed, next + CLOSE.length, members.length - 1);
        System.arraycopy(digest(sealed), 0, sealed, OPEN.length, UNSEALED.length);
        return sealed;
    }

    /// @param sealed whether the file must have its checksum, which files of earlier versions lack
    /// @throws IOException if the file is invalid; it says what is wrong, without the file's name
    static <T> T read(byte[] content, Class<T> type, boolean sealed) throws IOException {
        int close = OPEN.length + UNSEALED.length;
        boolean opens = content.length > close + CLOSE.length
                && Arrays.equals(content, 0, OPEN.length, OPEN, 0, OPEN.length)
                && Arrays.equals(content, close, close + CLOSE.length, CLOSE, 0, CLOSE.length);
        if (!opens && sealed) {
            throw new IOException("it has no checksum");
        }
        if (!opens) {
            return parse(new ByteArrayInputStream(content), type);
        }
        byte[] seal = Arrays.copyOfRange(content, OPEN.length, close);
        if (!Arrays.equals(seal, digest(content))) {
            throw new IOException("its checksum does not fit its contents");
        }
        int rest = close + CLOSE.length;
        return parse(
                new SequenceInputStream(
                        new ByteArrayInputStream(new byte[] {'{'}),
                        new ByteArrayInputStream(content, rest, content.length - rest)),
                type);
    }

    private static <T> T parse(InputStream content, Class<T> type) throws IOException {
        try (content) {
            T value = JSON.readValue(content, type);
            if (value == null) {
                throw new IOException("it holds null");
            }
            return value;
        } catch (JsonProcessingException e) {
            // A record that refuses a value says so itself; Jackson's own message names our classes.
            Throwable cause = e.getCause();
            throw new IOException(
                    cause instanceof IllegalArgumentException
                            ? cause.getMessage()
                            : "line %d is not what a run writes"
                                    .formatted(
                                            e.getLocation() == null
                                                    ? 1
                                                    : e.getLocation().getLineNr()),
                    e);
        }
    }

    /// Returns the sha256 of `content` as hexadecimal digits, with zeros in place of the seal.
    private static byte[] digest(byte[] content) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(content, 0, OPEN.length);
            digest.update(UNSEALED);
            int rest = OPEN.length + UNSEALED.length;
            digest.update(content, rest, content.length - rest);
            return HexFormat.of().formatHex(digest.digest()).getBytes(StandardCharsets.US_ASCII);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every Java has it
        }
    }
}
