/** Words of the page "knowledge"; as in words.js, Chinese and English. */

import { teach } from './words.js';

teach({
  knowledge: ['知识库', 'Knowledge'], kEntries: ['条目', 'Entries'], kTry: ['试一试', 'Try'], kFindings: ['检查结果', 'Findings'], kDiff: ['最近改动', 'Last change'],
  find: ['搜索编号、标题、问法、答案…', 'Search ids, titles, questions, replies…'],
  'only.all': ['全部', 'All'], 'only.unused': ['没用过', 'Unused'], 'only.overdue': ['该复核', 'Overdue'], 'only.pilots': ['试行', 'Pilots'],
  'sort.hits': ['30 天', '30 days'], 'sort.week': ['7 天', '7 days'], 'sort.last': ['上次用到', 'Last used'], 'sort.id': ['条目', 'Entry'],
  'sort.category': ['主题', 'Subject'], 'sort.review': ['复核日', 'Review by'], 'sort.file': ['文件', 'File'], sortBy: ['排序', 'Sort by'],
  unusedChip: ['没用过', 'unused'], overdueChip: ['该复核', 'overdue'], expiredChip: ['已过期', 'expired'], pilotChip: ['试行 %', 'pilot %'], ruleChip: ['规则', 'rule'], urgentChip: ['紧急', 'urgent'],
  countedSince: ['按 % 以来的使用统计；没用过指这段时间没有答过顾客。', 'Counted since %; unused means that it answered no customer since then.'],
  moreEntries: ['再显示 % 条', 'Show % more'], noneFound: ['没有找到', 'Nothing found'], noneFoundHint: ['换个词，或者看看全部条目。', 'Try another word, or look at all entries.'],
  backToList: ['返回条目', 'Back to the entries'], questions: ['问法', 'Questions'], phrases: ['关键词', 'Phrases'], patterns: ['正则表达式', 'Regular expressions'], conditions: ['条件', 'Conditions'],
  replies: ['答案', 'Reply'], branch: ['当 %', 'if %'], otherwise: ['否则', 'otherwise'], asksFor: ['先询问', 'Asks first'], optionsBelow: ['后续选项', 'Offers'], source: ['文件原文', 'In the file'],
  handsTo: ['转人工：%', 'Hands over to: %'], byRoute: ['按 routes 决定', 'as `routes` say'], looksUp: ['会查询外部系统', 'Looks something up'], onlyChannels: ['只在 %', 'Only on %'],
  allLanguages: ['不分语言', 'any language'], validFrom: ['自 %', 'from %'], validUntil: ['到 %', 'until %'], replacesIt: ['代替 %', 'in place of %'], noSource: ['没有找到它的原文。', 'Its lines were not found.'],
  readOnly: ['这里只能看和试；要修改请改文件，保存后自动生效。', 'For reading and trying. To change something, change the file; it is in use once saved.'],
  hitsWeek: ['近 7 天', 'Last 7 days'], hitsMonth: ['近 30 天', 'Last 30 days'], never: ['–', '–'], subject: ['主题', 'Subject'], priorityOf: ['优先级', 'Priority'], review: ['复核日', 'Review by'],
  fileInUse: ['文件没有错误，已经启用。', 'The files have no errors and are in use.'],
  fileNotInUse: ['文件有 % 个错误，没有启用；顾客得到的还是上一版的回答。', 'The files have % errors and are not in use; customers get the answers of the version before.'],
  noFindings: ['没有发现问题', 'Nothing was found'], readAt: ['读取于 %', 'Read %'], 'severity.error': ['错误', 'Error'], 'severity.warning': ['提醒', 'Warning'],
  helpIs: ['改法：', 'How to mend it: '], fixIs: ['nightdesk check --fix 可以代改：', 'nightdesk check --fix can do it: '], whatIsIt: ['这是什么意思？', 'What does it mean?'], alsoAt: ['另见 %', 'see also %'],
  tryText: ['顾客会怎么问', 'What a customer would write'], tryIt: ['试一试', 'Try it'], tryHint: ['只是试算：不会保存，不会通知任何人。', 'Only tried: nothing is kept and nobody is told.'],
  tryChannel: ['渠道', 'Channel'], tryTier: ['顾客等级', 'Customer’s tier'], tryAt: ['时间（店铺所在地）', 'Time (where the shop is)'], tryEarlier: ['紧接着的上一条（可不填）', 'What they wrote just before (may be empty)'], none: ['无', 'none'],
  moreSettings: ['换个顾客或时间', 'Another customer or time'],
  answered: ['会这样回复', 'The reply'], noReply: ['不回复', 'No reply'], readAs: ['读作', 'Read as'], languageIs: ['语言', 'Language'], matchedIs: ['有下划线的是匹配到的词；底色越深，越像最接近的条目。', 'Underlined: what matched. The darker a word’s ground, the more it speaks for the nearest entry.'],
  candidatesAre: ['符合条件的', 'What matched'], nearAre: ['意思接近的', 'What it is like'], won: ['胜出', 'won'], sureFrom: ['% 起直接回答', 'answered from %'], nearFrom: ['% 起作为选项', 'offered from %'],
  'lost.lower priority': ['优先级较低', 'lower priority'], 'lost.less specific sign': ['依据没那么明确', 'less specific sign'], 'lost.less sure': ['没那么有把握', 'less sure'], 'lost.shorter match': ['匹配得较短', 'shorter match'], 'lost.later in the files': ['在文件中靠后', 'later in the files'],
  'sign.exact sentence': ['原句', 'exact sentence'], 'sign.phrase of several parts': ['多个关键词', 'phrase of several parts'], 'sign.phrase': ['关键词', 'phrase'], 'sign.regex': ['正则表达式', 'regex'], 'sign.likeness': ['意思接近', 'likeness'], 'sign.condition': ['条件', 'condition'],
  wordByWord: ['逐词看', 'Word by word'], mostLike: ['最像的问法', 'Most like'], readFor: ['按“%”理解', 'read as “%”'], unknownWord: ['没见过', 'in no question'], deniesIt: ['句子里有否定', 'it denies something'],
  hoursAre: ['上班时间', 'Hours'], routeIs: ['分配', 'Route'], noticeIs: ['提示语', 'Notice'], handoffIs: ['转人工', 'Hand-off'], noteIs: ['说明', 'Notes'], earlierWas: ['上一条', 'Before it'],
  nothingBefore: ['还没有上一版', 'There is no version before'], nothingBeforeHint: ['文件第一次改动并启用后，这里会显示改了什么。', 'Once the files are changed and in use, this shows what was changed.'],
  nowIs: ['在用', 'In use'], beforeIs: ['上一版', 'Before'], sinceWhen: ['% 起', 'since %'], entriesAdded: ['新增', 'Added'], entriesChanged: ['改动', 'Changed'], entriesRemoved: ['删除', 'Removed'],
  'file.added': ['新文件', 'new file'], 'file.changed': ['有改动', 'changed'], 'file.removed': ['已删除', 'removed'], hidesSome: ['可能含有密钥的部分不在这里显示。', 'Parts that may hold secrets are not shown.'], cutDiff: ['改动太多，只显示前面的部分。', 'There is more; only the first part is shown.'],
  addedLine: ['新增', 'added'], removedLine: ['删除', 'removed'], rollbackHint: ['要恢复上一版：nightdesk rollback', 'To bring the version before back: nightdesk rollback'], noDifference: ['与上一版没有差别', 'No difference from the version before'],
 
});
