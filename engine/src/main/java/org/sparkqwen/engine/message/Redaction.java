package org.sparkqwen.engine.message;

import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Removes secrets from a text before it is shown or stored: passwords in URIs of any scheme and in JDBC URLs,
/// signatures and tokens in queries, and `password=…` wherever it stands. Nothing else does this.
public final class Redaction {
    /// The text that replaces a secret.
    public static final String MASK = "***";

    /// A regular expression for parts of names: a setting is a secret if its name contains a match.
    public static final String SECRET_WORDS = "(?i:secret|passw|pass[._-]?phrase|pwd|credential|signature"
            + "|(?<![a-z])sig(?![a-z])|token(?!s|iz)"
            + "|(?:api|access|account|private|encryption|encrypt|master|shared|client|storage|ssl|sas|kms)[._-]?keys?"
            + "(?![a-z]))";

    /// A regular expression for parts of names, with further words that mean something else in places other than
    /// names.
    public static final String SECRET_NAMES =
            SECRET_WORDS + "|(?i:(?<![a-z])(?:sas|pass|auth|user|username|uid|login)(?![a-z]))";

    /// A word of a name whose value is a secret even in a sentence.
    private static final Pattern WORD = Pattern.compile("(?i)secret|passw(?:or)?d|passphrase|pwd|signature|credential"
            + "|(?:api|access|account|private|encryption)[._-]?key"
            + "|(?:access|auth|security|session|refresh|sas)[._-]?token");

    /// A word of a parameter's name in a URI's query whose value is a secret; shorter names count there.
    private static final Pattern PARAMETER =
            Pattern.compile("(?i)secret|pass|pwd|token|key|sig|cred|auth|session|sas|user|uid|login|^code$");

    private static final Pattern SETTING = Pattern.compile("(?<![\\w.-])([\\w.-]{1,200}+)(\\s?=\\s?)(?:\\{[^}\\n"
            + "]{0,200}}|\"[^\"\\n"
            + "]{0,200}\"|'[^'\\n"
            + "]{0,200}'|[^\\s&;]++)");

    private static final Pattern QUERY =
            Pattern.compile("([?&;])([\\w.%~$\\[\\]-]{1,100}+)=(?:\\{[^}\\n]{0,200}}|[^&;#\\s\"'<>]++)");

    private static final Pattern JDBC = Pattern.compile("(?i)(?<![\\w.-])jdbc:\\S+");
    private static final Pattern JDBC_SETTING = Pattern.compile("([:,(])([\\w.-]{1,100}+)=[^&;,)\\s]++");

    /// User and password in Oracle's form: `jdbc:oracle:thin:user/password@host`.
    private static final Pattern JDBC_USER = Pattern.compile("^(jdbc:[\\w+-]++:(?:[\\w+-]++:)?)(?!//|@)[^@]++@");

    /// A URI with fewer slashes than it should have.
    private static final Pattern BARE = Pattern.compile(
            "(?i)(?<![\\w.+:-])(?!file:|jdbc:)([a-z][a-z0-9+.-]{1,20}+:/?)[^/\\s@:]{1,256}+:[^\\s@]{1,256}+@");

    private static final Pattern BEARER = Pattern.compile("(?i)\\b(bearer\\s+)[\\w+/.~=-]{16,}+");
    private static final Pattern PRIVATE_KEY = Pattern.compile("-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^\\n]*+");

    private static final Pattern AUTHORITY_BEGINS = Pattern.compile("(?<![\\w/.%*)\\]-])//");
    private static final Pattern HOSTS = Pattern.compile("(?:\\[.*|[^:,@]*+(?::\\d*+)?(?:,[^:,@]*+(?::\\d*+)?)*+)");

    /// Schemes of Azure's URIs, in which a container comes before the `@`, as long as it has no password.
    private static final Set<String> CONTAINERS = Set.of("abfs", "abfss", "wasb", "wasbs");

    private static final Pattern CONTAINER = Pattern.compile("[\\w.$-]+");

    private Redaction() {}

    /// Returns the text with [#MASK] in place of secrets.
    public static String of(String text) {
        if (text.indexOf('=') < 0 && text.indexOf('@') < 0 && text.indexOf(' ') < 0 && !text.contains("//")) {
            return text;
        }
        String shown = withoutUserInfo(text);
        shown = BARE.matcher(shown).replaceAll(bare -> Matcher.quoteReplacement(bare.group(1) + MASK + "@"));
        shown = JDBC.matcher(shown).replaceAll(url -> Matcher.quoteReplacement(ofJdbc(url.group())));
        shown = QUERY.matcher(shown).replaceAll(Redaction::parameter);
        shown = SETTING.matcher(shown).replaceAll(Redaction::setting);
        shown = BEARER.matcher(shown).replaceAll("$1" + Matcher.quoteReplacement(MASK));
        return PRIVATE_KEY.matcher(shown).replaceAll(Matcher.quoteReplacement(MASK));
    }

    /// Whether a URI has a password before its host, whatever its scheme.
    public static boolean hasPassword(String uri) {
        Matcher begins = AUTHORITY_BEGINS.matcher(uri);
        if (!begins.find()) {
            return false;
        }
        int at = userInfoEnd(uri, begins.end());
        return at >= 0 && uri.substring(begins.end(), at).contains(":");
    }

    private static String ofJdbc(String url) {
        String shown = JDBC_USER.matcher(url).replaceFirst("$1" + Matcher.quoteReplacement(MASK) + "@");
        return JDBC_SETTING.matcher(shown).replaceAll(Redaction::parameter);
    }

    private static String parameter(MatchResult parameter) {
        return Matcher.quoteReplacement(
                PARAMETER.matcher(parameter.group(2)).find()
                        ? parameter.group(1) + parameter.group(2) + "=" + MASK
                        : parameter.group());
    }

    private static String setting(MatchResult setting) {
        return Matcher.quoteReplacement(
                WORD.matcher(setting.group(1)).find() ? setting.group(1) + setting.group(2) + MASK : setting.group());
    }

    /// Returns the text without what stands between `//` and `@`, whatever the scheme.
    private static String withoutUserInfo(String text) {
        StringBuilder shown = new StringBuilder(text.length());
        Matcher begins = AUTHORITY_BEGINS.matcher(text);
        int done = 0;
        while (begins.find(done)) {
            int from = begins.end();
            int at = userInfoEnd(text, from);
            shown.append(text, done, from);
            if (at < 0 || isContainer(text, begins.start(), from, at)) {
                done = from;
            } else {
                shown.append(MASK);
                done = at;
            }
        }
        return shown.append(text, done, text.length()).toString();
    }

    /// The index of the `@`; -1 if there is no user info. A password may have characters that end an authority,
    /// although it should not.
    private static int userInfoEnd(String text, int from) {
        int end = from;
        while (end < text.length() && "/?#\"'<>".indexOf(text.charAt(end)) < 0 && !isSpace(text.charAt(end))) {
            end++;
        }
        int at = text.lastIndexOf('@', end - 1);
        if (at >= from) {
            return at;
        }
        if (HOSTS.matcher(text.substring(from, end)).matches()) {
            return -1;
        }
        int word = end;
        while (word < text.length() && !isSpace(text.charAt(word))) {
            word++;
        }
        at = text.lastIndexOf('@', word - 1);
        if (at >= from) {
            return at;
        }
        int line = text.indexOf('\n', word);
        at = text.indexOf('@', word);
        return at >= 0 && (line < 0 || at < line) ? at : -1;
    }

    private static boolean isSpace(char c) {
        return Character.isWhitespace(c);
    }

    private static boolean isContainer(String text, int slashes, int from, int at) {
        int scheme = slashes - 1;
        while (scheme > 0 && Character.isLetter(text.charAt(scheme - 1))) {
            scheme--;
        }
        return slashes > 0
                && text.charAt(slashes - 1) == ':'
                && CONTAINERS.contains(text.substring(scheme, slashes - 1))
                && CONTAINER.matcher(text.substring(from, at)).matches();
    }
}
