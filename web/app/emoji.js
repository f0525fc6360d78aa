// A small choice of emoji, by what people call them.
const CHOICE = {
  '👍': 'thumbs up yes',
  '👎': 'thumbs down no',
  '❤️': 'heart love',
  '😂': 'joy laugh',
  '🎉': 'party celebrate',
  '👀': 'eyes look',
  '🙏': 'thanks please',
  '🚀': 'rocket ship it',
  '✅': 'check done',
  '❌': 'cross no',
  '🔥': 'fire hot',
  '💯': 'hundred',
  '😀': 'grin smile',
  '😊': 'smile blush',
  '😉': 'wink',
  '😍': 'love eyes',
  '🤔': 'thinking hmm',
  '😅': 'sweat phew',
  '😭': 'cry sob',
  '😢': 'sad tear',
  '😡': 'angry',
  '😮': 'surprised wow',
  '😴': 'sleep tired',
  '🤯': 'mind blown',
  '👋': 'wave hello bye',
  '👏': 'clap applause',
  '💪': 'strong muscle',
  '🤝': 'handshake deal',
  '☕': 'coffee break',
  '🍕': 'pizza lunch',
  '🎧': 'headphones music',
  '🎤': 'microphone voice',
  '🐛': 'bug',
  '💡': 'idea light',
  '📌': 'pin',
  '📎': 'attachment clip',
  '⏰': 'alarm clock late',
  '🌱': 'plant grow',
  '⭐': 'star',
  '⚠️': 'warning',
};

/** What stands at hand beside every message. */
export const QUICK = ['👍', '❤️', '😂', '🎉'];

export function found(query) {
  const wanted = query.trim().toLowerCase();
  const all = Object.entries(CHOICE);
  return wanted ? all.filter(([, names]) => names.includes(wanted)) : all;
}

export const emojiName = (emoji) => CHOICE[emoji] ?? emoji;
